"""The supervisor of the embedded stack: starts everything in order, watches, stops everything."""

import asyncio
import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from deploy.local import databases, identity, kafka, parts, postgres, process
from deploy.local.databases import SERVICES, Service, ServiceUrls
from deploy.local.parts import Part
from deploy.local.process import Child, ChildDied
from deploy.local.report import Report
from deploy.local.settings import REPOSITORY, StackSettings
from shared.events import TOPICS
from shared.kafka import create_topics

SERVERS = ("kafka", "postgres")

Urls = dict[Service, ServiceUrls]
WATCH_SECONDS = 0.2


class NotReady(Exception):
    """A process runs but does not say that it is ready."""


class AlreadyRunning(Exception):
    """Another supervisor owns the folder."""


@dataclass
class Stack:
    """The running processes, in the order of their start."""

    settings: StackSettings
    report: Report
    children: list[Child] = field(default_factory=list)

    async def start(self, *, infrastructure_only: bool) -> None:
        """PostgreSQL with its databases beside Kafka with its topics, then all processes."""
        passwords = identity.ensure_secrets(self.settings.key_dir)
        try:
            async with asyncio.TaskGroup() as group:
                databases_ready = group.create_task(self._start_databases(passwords))
                if not infrastructure_only:
                    group.create_task(self._migrate(databases_ready))
                group.create_task(self._start_kafka())
        except* Exception as errors:
            # the first one is the cause: it ended the other tasks
            raise errors.exceptions[0] from None
        if not infrastructure_only:
            await self._start_parts(databases_ready.result())

    async def _start_databases(self, passwords: dict[str, str]) -> Urls:
        settings = self.settings
        admin_url = settings.postgres_url
        if admin_url is None:
            with self.report.step("PostgreSQL", settings.ports.postgres):
                server = await postgres.start(
                    settings.home / "postgres",
                    port=settings.ports.postgres,
                    password=passwords["postgres"],
                    run_dir=settings.run_dir,
                    log=settings.log_dir / "postgres.log",
                )
                self.children.append(server.child)
                admin_url = server.admin_url
        with self.report.step("databases and roles"):
            return {
                name: await databases.provision(admin_url, name, passwords) for name in SERVICES
            }

    async def _migrate(self, databases_ready: asyncio.Task[Urls]) -> None:
        urls = await databases_ready
        behind = [
            name for name in SERVICES if not await databases.is_migrated(urls[name].owner, name)
        ]
        if not behind:
            return
        with self.report.step(f"migrations of {', '.join(behind)}"):
            running = [
                self._spawn(f"{name}_migrate", parts.migration_command(name), env)
                for name in behind
                for env in [parts.service_env(self.settings, name, urls[name])]
            ]
            try:
                for child in running:
                    await _run_to_end(child)
            finally:
                for child in running:
                    child.stop()

    async def _start_kafka(self) -> None:
        settings = self.settings
        if settings.kafka_bootstrap is None:
            missing = len(kafka.find_missing(kafka.default_store()))
            if missing:
                with self.report.progress("fetching Kafka", missing) as advance:
                    await asyncio.to_thread(
                        kafka.fetch_jars, kafka.default_store(), fetched=lambda _: advance()
                    )
            with self.report.step("Kafka", settings.ports.kafka):
                broker = await kafka.start(
                    settings.home / "kafka",
                    port=settings.ports.kafka,
                    controller_port=settings.ports.kafka_controller,
                    run_dir=settings.run_dir,
                    log=settings.log_dir / "kafka.log",
                )
                self.children.append(broker.child)
        with self.report.step(f"{len(TOPICS)} topics"):
            await create_topics(settings.bootstrap, TOPICS)

    async def _start_parts(self, urls: Urls) -> None:
        all_parts = parts.list_parts(self.settings, urls)
        with self.report.step("sandbox, services and gateway"):
            for part in all_parts:
                self.children.append(self._spawn(part.name, part.command, part.env))
            async with httpx.AsyncClient(timeout=5) as client:
                for part in all_parts:
                    await self._wait_until_ready(client, part)

    def _spawn(self, name: str, command: list[str], env: dict[str, str]) -> Child:
        return process.start(
            name,
            command,
            log=self.settings.log_dir / f"{name}.log",
            run_dir=self.settings.run_dir,
            env=env,
            cwd=REPOSITORY,
        )

    async def _wait_until_ready(self, client: httpx.AsyncClient, part: Part) -> None:
        deadline = time.monotonic() + self.settings.ready_seconds
        reason = "it does not answer"
        while time.monotonic() < deadline:
            self.check()
            try:
                answer = await client.get(f"http://127.0.0.1:{part.port}/readyz")
                if answer.is_success:
                    return
                reason = answer.text.strip()
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
        raise NotReady(
            f"{part.name} was not ready after {self.settings.ready_seconds:.0f} s: {reason}"
        )

    def check(self) -> None:
        """Raise ChildDied for the first process that ended by itself."""
        for child in self.children:
            child.check()

    async def watch(self) -> None:
        """Never returns; raises ChildDied."""
        while True:
            self.check()
            await asyncio.sleep(WATCH_SECONDS)

    def stop(self) -> None:
        """Stop everything: first what uses the servers, all at once, then the servers."""
        servers = [child for child in self.children if child.name in SERVERS]
        for group in ([child for child in self.children if child not in servers], servers):
            deadline = time.monotonic() + process.STOP_SECONDS
            for child in group:
                child.ask_to_stop()
            for child in group:
                child.stop(max(0, deadline - time.monotonic()))
        self.children.clear()


async def _run_to_end(child: Child) -> None:
    while child.process.poll() is None:  # noqa: ASYNC110 a process sets no event
        await asyncio.sleep(0.05)
    if child.process.returncode != 0:
        raise ChildDied(child)


@contextmanager
def own(settings: StackSettings) -> Iterator[None]:
    """Be the only supervisor of the folder, with a record for `kos down`. Raises AlreadyRunning."""
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    with (settings.home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"the stack in {settings.home} is already running; `kos down` stops it"
            ) from None
        process.stop_leftovers(settings.run_dir)
        record = process.record_self(settings.run_dir)
        try:
            yield
        finally:
            record.unlink(missing_ok=True)
