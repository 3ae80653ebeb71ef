"""Settings of the gateway, from environment variables with the prefix `GATEWAY_`."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shared.settings import ProcessSettings


class Settings(ProcessSettings):
    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    port: int = 8080
    account_url: str = "http://127.0.0.1:8081"
    content_url: str = "http://127.0.0.1:8082"
    lead_url: str = "http://127.0.0.1:8083"

    kafka_bootstrap: str = ""
    """Empty: no live events, subscriptions are refused."""
    service_secret_file: Path | None = None  # type: ignore[assignment]
    """None: a secret that nobody else knows, for services that do not verify who calls them. The
    platform's own do, and refuse every call."""
    oidc_issuer: str = "kos"
    oidc_audience: str = "kos"

    upstream_connections: int = 64
    """Open connections to one service; further calls wait."""
    upstream_waiting: int = 256
    """Calls that may wait for a connection to one service; further ones are refused."""
    upstream_seconds: float = 4.0

    draft_statuses: bool = False
    """Answer 294 and 422 as the draft of GraphQL over HTTP of August 2026 says, instead of the 200
    and 400 that clients know."""

    query_bytes: int = 100 * 1024
    query_seconds: float = 5.0
    query_cost: int = 2000
    cost_per_minute: int = 120_000
    """What one caller may spend in a minute at this process."""

    trusted_documents_file: Path | None = None
    """JSON object of `sha256:<hex>` to document text (see docs: trusted documents)."""
    trusted_documents_only: bool = False
    """People's clients may send `documentId` only; API keys may always send their own text."""
