"""Settings of lead_svc; environment variables start with `LEAD_`."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="LEAD_")

    port: int = 8083
    worker_port: int = 8183
    intake_database_url: str
    """Of the role that writes leads of every brand and reads next to nothing."""
    directory_grace_seconds: float = 10.0
    """How long a lead waits for news of the post, account or store it names before it goes on."""
