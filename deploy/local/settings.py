"""What the embedded stack can be told by environment: ports, folder, external servers."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).parents[2]
HOST = "127.0.0.1"
# the brand that the first start loads; the same on every machine, so that examples can name it
DEMO_BRAND = "brand_01k8000000e008000000001mt0"


class Ports(BaseSettings):
    """`KOS_PORT_GATEWAY` and so on. A service's worker has a port for health and metrics."""

    model_config = SettingsConfigDict(env_prefix="KOS_PORT_")

    gateway: int = 8080
    account: int = 8081
    content: int = 8082
    lead: int = 8083
    sandbox: int = 8090
    account_worker: int = 8181
    content_worker: int = 8182
    lead_worker: int = 8183
    postgres: int = 15432
    kafka: int = 19092
    kafka_controller: int = 19093


class StackSettings(BaseSettings):
    """`KOS_HOME`, `KOS_POSTGRES_URL` (a superuser's), `KOS_KAFKA_BOOTSTRAP`."""

    model_config = SettingsConfigDict(env_prefix="KOS_")

    home: Path = REPOSITORY / ".kos"
    postgres_url: str | None = None
    kafka_bootstrap: str | None = None
    ready_seconds: float = Field(default=90, gt=0)
    """How long a process may take from its start to `/readyz`."""
    ports: Ports = Field(default_factory=Ports)

    @property
    def run_dir(self) -> Path:
        return self.home / "run"

    @property
    def log_dir(self) -> Path:
        return self.home / "logs"

    @property
    def key_dir(self) -> Path:
        return self.home / "keys"

    @property
    def asset_dir(self) -> Path:
        """Where content_svc keeps assets in the embedded stack."""
        return self.home / "assets"

    @property
    def failure_note(self) -> Path:
        """Why the last run ended by itself; absent after a good start."""
        return self.home / "last-failure.txt"

    @property
    def demo_note(self) -> Path:
        """There once the demo brand is loaded and the main job was played."""
        return self.home / "demo-played"

    def url(self, name: str) -> str:
        return f"http://{HOST}:{getattr(self.ports, name)}"

    @property
    def bootstrap(self) -> str:
        return self.kafka_bootstrap or f"{HOST}:{self.ports.kafka}"

    def used_ports(self, *, infrastructure_only: bool = False) -> dict[str, int]:
        """The ports this stack will listen on, by part."""
        ports: dict[str, int] = self.ports.model_dump()
        if self.postgres_url:
            del ports["postgres"]
        if self.kafka_bootstrap:
            del ports["kafka"], ports["kafka_controller"]
        if infrastructure_only:
            return {name: ports[name] for name in ports if name.startswith(("postgres", "kafka"))}
        return ports


@dataclass(frozen=True)
class StackUrls:
    """Where a running stack is reached, for those who drive it from outside."""

    gateway: str
    account: str
    content: str
    lead: str
    sandbox: str
    kafka_bootstrap: str
    key_dir: Path
    """Folder of the development issuer's key: see `deploy.local.identity.issue_token`."""


def urls_of(settings: StackSettings) -> StackUrls:
    return StackUrls(
        gateway=settings.url("gateway"),
        account=settings.url("account"),
        content=settings.url("content"),
        lead=settings.url("lead"),
        sandbox=settings.url("sandbox"),
        kafka_bootstrap=settings.bootstrap,
        key_dir=settings.key_dir,
    )
