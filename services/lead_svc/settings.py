"""Settings of lead_svc; environment variables start with `LEAD_`."""

from pathlib import Path

from pydantic import AliasChoices, Field, model_validator
from pydantic_settings import SettingsConfigDict

from lead_svc.webhooks.targets import TargetPolicy
from shared.settings import Environment, ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="LEAD_")

    port: int = 8083
    worker_port: int = 8183
    intake_database_url: str
    """Of the role that writes leads of every brand and reads next to nothing."""
    directory_grace_seconds: float = 10.0
    """How long a lead waits for news of the post, account or store it names before it goes on."""
    webhook_allow_private: bool = Field(
        default=False,
        validation_alias=AliasChoices("KOS_WEBHOOK_ALLOW_PRIVATE", "webhook_allow_private"),
    )
    """Admit webhook targets on private addresses and other ports; refused in production."""
    webhook_ca_file: Path | None = Field(
        default=None, validation_alias=AliasChoices("KOS_WEBHOOK_CA_FILE", "webhook_ca_file")
    )

    @model_validator(mode="after")
    def _keeps_webhooks_public_in_production(self) -> "Settings":
        is_private = self.webhook_allow_private or self.webhook_ca_file is not None
        if is_private and self.environment is Environment.PRODUCTION:
            raise ValueError("private webhook targets are for development")
        return self

    @property
    def target_policy(self) -> TargetPolicy:
        return TargetPolicy(self.webhook_allow_private, self.webhook_ca_file)
