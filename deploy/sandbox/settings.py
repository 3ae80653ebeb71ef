from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of the sandbox; their meaning is in README.md beside this file."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_")

    host: str = "127.0.0.1"
    port: int = 8090
    public_url: str = ""
    state_dir: Path
    seed: int = 1
    lead_url: str = "http://127.0.0.1:8083"
    review_seconds: float = 2
    growth_seconds: float = 60
    hook_timeout_seconds: float = 5
    hook_retry_seconds: float = 1

    @property
    def base_url(self) -> str:
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
