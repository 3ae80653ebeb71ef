"""Settings of account_svc, read from `ACCOUNT_…`."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="ACCOUNT_")

    port: int = 8081
    worker_port: int = 8181
