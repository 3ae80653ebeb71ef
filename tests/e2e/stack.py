"""The running stack as these tests hold it: where its parts are, kill one, start it again."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from deploy.local import databases, identity, parts, postgres, process
from deploy.local.databases import SERVICES, Service
from deploy.local.parts import Part
from deploy.local.process import Child
from deploy.local.settings import REPOSITORY, StackSettings, StackUrls, urls_of
from deploy.local.stack import Stack

READY_SECONDS = 90


@dataclass
class Running:
    """The stack of the run; the tests are the supervisor of what they kill."""

    stack: Stack

    @property
    def settings(self) -> StackSettings:
        return self.stack.settings

    @property
    def urls(self) -> StackUrls:
        return urls_of(self.settings)

    @property
    def admin_url(self) -> str:
        """The superuser's, who sees the tables of every brand."""
        password = identity.ensure_secrets(self.settings.key_dir)["postgres"]
        return postgres.admin_url(self.settings.ports.postgres, password)

    def log(self, name: str) -> Path:
        return self.settings.log_dir / f"{name}.log"

    def child(self, name: str) -> Child:
        return next(child for child in self.stack.children if child.name == name)

    def kill(self, name: str) -> None:
        """SIGKILL: nothing of the process gets to finish anything."""
        child = self.child(name)
        child.check()
        os.kill(child.process.pid, signal.SIGKILL)
        child.process.wait()
        self.stack.children.remove(child)

    async def stop(self, name: str) -> float:
        """SIGTERM, as a rolling update sends it; the seconds until the process ended well."""
        child = self.child(name)
        child.check()
        asked_at = time.monotonic()
        child.ask_to_stop()
        async with asyncio.timeout(READY_SECONDS):
            while child.process.poll() is None:
                await asyncio.sleep(0.02)
        self.stack.children.remove(child)
        assert child.process.returncode == 0, f"{name} ended with {child.process.returncode}"
        return time.monotonic() - asked_at

    def part(self, name: str) -> Part:
        """How the process of this name is started."""
        passwords = identity.ensure_secrets(self.settings.key_dir)
        urls = {
            service: databases.urls_of(self.admin_url, service, passwords) for service in SERVICES
        }
        return next(part for part in parts.list_parts(self.settings, urls) if part.name == name)

    async def start(self, name: str, rewrite: Callable[[Part], Part] | None = None) -> None:
        """Start what was killed, as `rewrite` wants it, and wait until it says that it is ready."""
        part = self.part(name)
        await self.start_part(part if rewrite is None else rewrite(part))

    async def start_part(self, part: Part) -> None:
        child = process.start(
            part.name,
            part.command,
            log=self.log(part.name),
            run_dir=self.settings.run_dir,
            env=part.env,
            cwd=REPOSITORY,
        )
        self.stack.children.append(child)
        await self._wait_until_ready(child, part.port)

    async def _wait_until_ready(self, child: Child, port: int) -> None:
        deadline = time.monotonic() + READY_SECONDS
        async with httpx.AsyncClient(trust_env=False) as client:
            while time.monotonic() < deadline:
                child.check()
                try:
                    if (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)
        raise AssertionError(f"{child.name} was not ready again in {READY_SECONDS} s")

    async def tables(self, service: Service, *, column: str | None = None) -> list[str]:
        """The tables of a service, or those that have the column; partitions are not named."""
        rows = await self.fetch(
            service,
            "select c.relname from pg_class c where c.relkind in ('r', 'p') "
            "and not c.relispartition and c.relnamespace = 'public'::regnamespace "
            "and ($1::text is null or exists (select from pg_attribute a "
            "where a.attrelid = c.oid and a.attname = $1)) order by 1",
            column,
        )
        return [name for (name,) in rows]

    async def fetch(self, service: Service, statement: str, *values: Any) -> list[Any]:
        """Rows of a service's database, past row-level security: for what no surface shows."""
        address = self.admin_url.rpartition("/")[0]
        connection = await asyncpg.connect(f"{address}/kos_{service}")
        try:
            rows: list[Any] = await connection.fetch(statement, *values)
            return rows
        finally:
            await connection.close()
