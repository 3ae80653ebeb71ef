"""What the services' rows are measured on: a durable PostgreSQL with the services' databases, and
those of their processes that a row asks for, each with the settings of the embedded stack."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from deploy.local import databases, identity, parts, postgres, process
from deploy.local.databases import SERVICES, Service, ServiceUrls
from deploy.local.postgres import PostgresServer
from deploy.local.process import Child, find_free_port
from deploy.local.settings import REPOSITORY, Ports, StackSettings
from shared import migrations
from shared.access import Principal, Role
from shared.authentication import issue_service_token
from shared.ids import uuid7
from shared.sealing import LocalKeyEncryption, Vault
from shared.settings import read_key
from tests.bench.rounds import cores, pin, until_open
from tests.conftest import reachable_folder


@dataclass
class Installation:
    """An answered request is on disk here: `fsync` and `synchronous_commit` are on.

    The measured processes, PostgreSQL among them, share the core that rows give to servers.
    """

    settings: StackSettings
    server: PostgresServer
    urls: dict[Service, ServiceUrls]
    children: list[Child] = field(default_factory=list)

    @property
    def postgres_pid(self) -> int:
        return self.server.child.process.pid

    async def start(self, name: str) -> tuple[int, int]:
        """Start a process of the stack, such as `lead`; its pid and its port."""
        parts_of = parts.list_parts(self.settings, self.urls)
        part = next(part for part in parts_of if part.name == name)
        child = process.start(
            name,
            part.command,
            log=self.settings.log_dir / f"{name}.log",
            run_dir=self.settings.run_dir,
            env=part.env,
            cwd=REPOSITORY,
        )
        self.children.append(child)
        pin(child.process.pid, cores()[0])
        await until_open(part.port)
        return child.process.pid, part.port

    async def connect(self, service: Service) -> asyncpg.Connection:
        """As the superuser, who sees the rows of every brand."""
        return await asyncpg.connect(f"{self.server.admin_url.rpartition('/')[0]}/kos_{service}")

    def token(self, principal: Principal) -> str:
        """What the gateway sends on behalf of this caller."""
        secret = read_key(self.settings.key_dir / "service-secret")
        return issue_service_token(principal, secret)

    def vault(self, service: Service) -> Vault:
        keys = self.settings.key_dir
        key_encryption = LocalKeyEncryption({1: read_key(keys / f"{service}-kek")})
        return Vault(key_encryption, read_key(keys / f"{service}-index"))


@asynccontextmanager
async def installed(*services: Service) -> AsyncIterator[Installation]:
    """A new installation in a folder of its own, with the databases of these services."""
    with reachable_folder() as home:
        ports = Ports.model_validate({name: find_free_port() for name in Ports.model_fields})
        settings = StackSettings(home=home, ports=ports)
        passwords = identity.ensure_secrets(settings.key_dir)
        server = await postgres.start(
            home / "postgres",
            port=ports.postgres,
            password=passwords["postgres"],
            run_dir=settings.run_dir,
            log=settings.log_dir / "postgres.log",
        )
        pin(server.child.process.pid, cores()[0])
        urls = {name: databases.urls_of(server.admin_url, name, passwords) for name in SERVICES}
        installation = Installation(settings, server, urls)
        try:
            for name in services:
                await databases.provision(server.admin_url, name, passwords)
                await asyncio.to_thread(migrations.upgrade, name, urls[name].owner)
            yield installation
        finally:
            for child in installation.children:
                child.stop()
            server.stop()


def brand_admin() -> Principal:
    """The head office of a brand of its own."""
    return Principal(brand_id=uuid7(), actor="bench", roles=frozenset({Role.BRAND_ADMIN}))
