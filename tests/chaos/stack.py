"""The real processes behind proxies, with a supervisor that restarts what dies.

PostgreSQL (durable), Kafka, the three services in both roles, gateway, sandbox, the SCRM sink.
Every connection between them runs over an edge of `tests.chaos.proxy`.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psutil

from deploy.local import databases, identity, kafka, parts, postgres, process
from deploy.local.databases import SERVICES, Service, ServiceUrls
from deploy.local.parts import Part
from deploy.local.process import Child, ChildDied, ServerFailed, find_free_port
from deploy.local.settings import HOST, REPOSITORY, Ports, StackSettings, StackUrls
from shared.events import TOPICS
from shared.kafka import create_topics
from tests.chaos.proxy import Proxy

Rewrite = Callable[[Part], Part]
"""Another command or environment for a part; the identity leaves it as it is."""

SERVERS = ("postgres", "kafka")
TOOLS = ("proxy", "sink")
READY_SECONDS = 120
_WATCH_SECONDS = 0.05
_RESTART_SECONDS = 0.2

_IN_A_HURRY = {
    # longer than a worker is frozen and a clock is off: who runs out of it may publish twice
    "CONTENT_DISPATCH_LEASE_SECONDS": "30",
    "CONTENT_DISPATCH_BACKOFF_SECONDS": "0.5",
    "CONTENT_PLATFORM_TIMEOUT_SECONDS": "4",
    "CONTENT_REVIEW_POLL_SECONDS": "0.5",
    "CONTENT_MEASURE_FIRST_SECONDS": "2",
    "LEAD_DIRECTORY_GRACE_SECONDS": "3",
    "SANDBOX_REVIEW_SECONDS": "0.2",
    "SANDBOX_GROWTH_SECONDS": "5",
    "SANDBOX_HOOK_RETRY_SECONDS": "0.5",
    "OTEL_BSP_SCHEDULE_DELAY": "500",
    # everything the workload asks comes from a few callers
    "GATEWAY_COST_PER_MINUTE": "100000000",
}
"""Shorter than in an installation, so that a run does not wait for what time alone brings."""


def as_it_is(part: Part) -> Part:
    return part


@dataclass
class ChaosStack:
    """The running stack. Parts are named as in `deploy.local.parts`, a second worker `…_worker_1`.

    Call `open_stack`; it starts everything and stops everything.
    """

    settings: StackSettings
    rewrite: Rewrite
    otlp_url: str
    targets: dict[str, int]
    """What an edge leads to: the port behind it, by name `<client>-<server>`."""
    edges: dict[str, int]
    """The port of each edge."""
    sink_port: int
    proxy: Proxy
    parts: dict[str, Part] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)
    restarts: Counter[str] = field(default_factory=Counter)
    """How often a process began anew."""
    killed: Counter[str] = field(default_factory=Counter)
    frozen: dict[str, list[psutil.Process]] = field(default_factory=dict)
    """The processes that `pause` stopped."""
    down: set[str] = field(default_factory=set)
    """What is not to be started again for now."""
    last_start: dict[str, float] = field(default_factory=dict)
    kafka_settings: dict[str, str] = field(default_factory=dict)

    @property
    def urls(self) -> StackUrls:
        """Where the workload goes: through the clients' own edges."""
        return StackUrls(
            gateway=self.edge_url("client-gateway"),
            account=self.settings.url("account"),
            content=self.settings.url("content"),
            lead=self.edge_url("client-lead"),
            sandbox=self.settings.url("sandbox"),
            kafka_bootstrap=self.settings.bootstrap,
            key_dir=self.settings.key_dir,
        )

    @property
    def admin_url(self) -> str:
        """The superuser's, straight to PostgreSQL."""
        password = identity.ensure_secrets(self.settings.key_dir)["postgres"]
        return postgres.admin_url(self.settings.ports.postgres, password)

    @property
    def sink_url(self) -> str:
        """The sink as the worker reaches it."""
        return self.edge_url("lead_worker-sink")

    @property
    def clock_dir(self) -> Path:
        return self.settings.home / "clocks"

    def edge_url(self, edge: str) -> str:
        return f"http://{HOST}:{self.edges[edge]}"

    def pid(self, name: str) -> int:
        return self.children[name].process.pid

    def life(self, name: str) -> int:
        """The process that does a part's work: of a forked one the child that lives just now."""
        main, part = self.pid(name), self.parts.get(name)
        if part is None or not any(word.startswith("forked") for word in part.command):
            return main
        return next((child.pid for child in psutil.Process(main).children()), main)

    def kill(self, name: str) -> None:
        """SIGKILL: nothing of the process gets to finish anything. It begins anew by itself."""
        self.killed[name] += 1
        child = self.children.get(name)
        if child is None or child.process.poll() is not None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            life = self.life(name)
            self.restarts[name] += life != child.process.pid
            psutil.Process(life).kill()

    def pause(self, name: str) -> None:
        """SIGSTOP, for a server with its children."""
        child = self.children.get(name)
        if child is None or child.process.poll() is not None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            main = psutil.Process(child.process.pid)
            self.frozen[name] = [main, *main.children(recursive=True)]
        self._signal(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Whoever was stopped goes on: the children of a server that was killed meanwhile, too, or
        they would hold its shared memory for ever."""
        self._signal(name, signal.SIGCONT)
        self.frozen.pop(name, None)

    def _signal(self, name: str, number: signal.Signals) -> None:
        for each in self.frozen.get(name, ()):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    def step_clock(self, name: str, seconds: float) -> None:
        """The wall clock of a part is so far off from now on, restarts included; 0 ends it."""
        self.clock_dir.mkdir(parents=True, exist_ok=True)
        file = self.clock_dir / name
        beside = file.with_suffix(".new")
        beside.write_text(str(seconds))
        beside.rename(file)

    async def start_second_worker(self, service: Service) -> str:
        """Another copy of a worker, of the next ordinal; its name."""
        first = self.parts[f"{service}_worker"]
        name = f"{service}_worker_1"
        if name not in self.parts:
            port = find_free_port()
            prefix = service.upper()
            env = {f"{prefix}_WORKER_ORDINAL": "1", f"{prefix}_WORKER_PORT": str(port)}
            self.parts[name] = replace(first, name=name, env={**first.env, **env}, port=port)
        self.down.discard(name)
        self._spawn(self.parts[name])
        return name

    async def stop_part(self, name: str) -> float:
        """Ask a part to end (SIGTERM) and let it stay so; how many seconds it took."""
        self.down.add(name)
        child = self.children.pop(name)
        began = time.monotonic()
        child.ask_to_stop()
        while child.process.poll() is None and time.monotonic() < began + process.STOP_SECONDS:
            await asyncio.sleep(0.02)
        child.stop(0)
        return time.monotonic() - began

    async def supervise(self) -> None:
        """Start again whatever ended; never returns."""
        while True:
            for name, child in list(self.children.items()):
                if child.process.poll() is not None and name not in self.down:
                    await self._restart(name, child)
            await asyncio.sleep(_WATCH_SECONDS)

    async def _restart(self, name: str, child: Child) -> None:
        if time.monotonic() < self.last_start.get(name, 0) + _RESTART_SECONDS:
            return
        self.restarts[name] += 1
        if name in SERVERS:
            # a task of its own: the others are not to wait for it
            self.down.add(name)
            self._restarting = asyncio.create_task(self._restart_server(name))
            return
        self._spawn(self.parts[name])

    async def _restart_server(self, name: str) -> None:
        try:
            while True:
                try:
                    await (self._start_postgres() if name == "postgres" else self._start_kafka())
                except (ChildDied, ServerFailed):
                    # the old one's last processes may still hold its memory or port
                    await asyncio.sleep(0.2)
                else:
                    return
        finally:
            self.down.discard(name)

    async def is_ready(self, name: str) -> bool:
        part = self.parts[name]
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
            try:
                answer = await client.get(f"http://{HOST}:{part.port}/readyz")
            except httpx.TransportError:
                return False
        return answer.is_success

    async def is_back(self, name: str) -> bool:
        """Whether what was killed runs again and answers."""
        if name in self.down or self.children[name].process.poll() is not None:
            return False
        # a server is not `down` any more once it answers
        return name in SERVERS or await self.is_ready(name)

    async def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Until every part that is to run says that it is ready."""
        deadline = time.monotonic() + seconds
        for name in [name for name in self.parts if name not in self.down]:
            while not await self.is_ready(name):
                if time.monotonic() > deadline:
                    log = "\n".join(self.children[name].tail())
                    raise AssertionError(f"{name} was not ready in {seconds:.0f} s\n{log}")
                await asyncio.sleep(0.1)

    def _spawn(self, part: Part) -> None:
        self.last_start[part.name] = time.monotonic()
        self.children[part.name] = process.start(
            part.name,
            part.command,
            log=self.settings.log_dir / f"{part.name}.log",
            run_dir=self.settings.run_dir,
            env=part.env,
            cwd=REPOSITORY,
        )

    async def _start_postgres(self) -> None:
        server = await postgres.start(
            self.settings.home / "postgres",
            port=self.settings.ports.postgres,
            password=identity.ensure_secrets(self.settings.key_dir)["postgres"],
            run_dir=self.settings.run_dir,
            log=self.settings.log_dir / "postgres.log",
        )
        self.children["postgres"] = server.child

    async def _start_kafka(self) -> None:
        ports = self.settings.ports
        broker = await kafka.start(
            self.settings.home / "kafka",
            port=ports.kafka,
            controller_port=ports.kafka_controller,
            run_dir=self.settings.run_dir,
            log=self.settings.log_dir / "kafka.log",
            settings=self.kafka_settings,
            # after a kill it has logs to recover, and the machine has much else to do
            ready_seconds=READY_SECONDS,
        )
        self.children["kafka"] = broker.child

    def _start_tool(self, name: str, *arguments: object) -> None:
        self.children[name] = process.start(
            name,
            [sys.executable, "-m", f"tests.chaos.{name}", *map(str, arguments)],
            log=self.settings.log_dir / f"{name}.log",
            run_dir=self.settings.run_dir,
            cwd=REPOSITORY,
        )

    async def start(self, control_port: int) -> None:
        passwords = identity.ensure_secrets(self.settings.key_dir)
        edges_file = self.settings.home / "edges.json"
        edges_file.write_text(
            json.dumps({name: [self.edges[name], self.targets[name]] for name in self.edges})
        )
        self._start_tool("proxy", control_port, edges_file)
        self._start_tool("sink", self.sink_port, self.settings.home / "sink.jsonl")
        await asyncio.gather(self._start_kafka(), self._start_databases(passwords))
        await process.wait_for_port(self.children["proxy"], control_port)
        await create_topics(self.settings.bootstrap, TOPICS)
        urls = {name: databases.urls_of(self.admin_url, name, passwords) for name in SERVICES}
        for part in parts.list_parts(self.settings, urls):
            self.parts[part.name] = self._clocked(self.rewrite(self._through_edges(part)))
            self._spawn(self.parts[part.name])
        await self.wait_until_ready()

    async def _start_databases(self, passwords: Mapping[str, str]) -> None:
        await self._start_postgres()
        for name in SERVICES:
            await databases.provision(self.admin_url, name, passwords)
        urls = {name: databases.urls_of(self.admin_url, name, passwords) for name in SERVICES}
        steps = [
            self.rewrite(
                Part(
                    f"{name}_migrate",
                    parts.migration_command(name),
                    parts.service_env(self.settings, name, urls[name]),
                    port=0,
                )
            )
            for name in SERVICES
        ]
        running = [
            await asyncio.create_subprocess_exec(*step.command, env=step.env, cwd=REPOSITORY)
            for step in steps
        ]
        codes = await asyncio.gather(*(each.wait() for each in running))
        if any(codes):
            raise AssertionError(f"migrations ended with {codes}")

    def _through_edges(self, part: Part) -> Part:
        """The part with every address replaced by that of its edge."""
        env = dict(part.env)
        for name, value in env.items():
            if name.endswith("DATABASE_URL") and f"{part.name}-postgres" in self.edges:
                env[name] = with_port(value, self.edges[f"{part.name}-postgres"])
            elif name.endswith("KAFKA_BOOTSTRAP") and f"{part.name}-kafka" in self.edges:
                env[name] = f"{HOST}:{self.edges[f'{part.name}-kafka']}"
        service = part.name.removesuffix("_worker").upper()
        if part.name == "gateway":
            for each in SERVICES:
                env[f"GATEWAY_{each.upper()}_URL"] = self.edge_url(f"gateway-{each}")
        elif part.name == "sandbox":
            env["SANDBOX_LEAD_URL"] = self.edge_url("sandbox-lead")
        elif part.name == "content_worker":
            for platform in ("DOUYIN", "WECOM"):
                env[f"CONTENT_{platform}_URL"] = self.edge_url("content_worker-sandbox")
        if part.name != "sandbox":
            env[f"{service}_OTLP_ENDPOINT"] = self.otlp_url
        return replace(part, env=env | _IN_A_HURRY)

    def _clocked(self, part: Part) -> Part:
        """The part on a clock of its own, when it is a Python module.

        As it is it is forked, so that its next life after a kill does not begin with seconds of
        importing: with a kill every few seconds that would be most of what the machine does.
        """
        python, flag, *module = part.command
        if flag != "-m":
            return part
        file = self.clock_dir / part.name
        if module[0] == "tests.chaos.inject":
            clock = ["-m", "tests.chaos.clock", str(file)]
        else:
            clock = ["-m", "tests.chaos.inject", f"forked={file}"]
        return replace(part, command=[python, *clock, *module])

    def stop(self) -> None:
        """Stop everything: first what uses the servers, all at once, then the servers."""
        for child in self.children.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.process.pid, signal.SIGCONT)
        self.resume("postgres")
        servers = [self.children[name] for name in SERVERS if name in self.children]
        for group in ([each for each in self.children.values() if each not in servers], servers):
            deadline = time.monotonic() + process.STOP_SECONDS
            for child in group:
                child.ask_to_stop()
            for child in group:
                child.stop(max(0, deadline - time.monotonic()))
        self.children.clear()
        self.proxy.close()


@asynccontextmanager
async def open_stack(
    home: Path, *, rewrite: Rewrite = as_it_is, otlp_url: str = ""
) -> AsyncIterator[ChaosStack]:
    """Start everything in `home` on free ports and supervise it; stop everything at the end."""
    ports = Ports.model_validate({name: find_free_port() for name in Ports.model_fields})
    settings = StackSettings(home=home, ports=ports, postgres_url=None, kafka_bootstrap=None)
    sink_port, control_port = find_free_port(), find_free_port()
    listeners = {f"{name}-kafka": find_free_port() for name in _uses_kafka()}
    targets = {
        **{f"{name}-postgres": ports.postgres for name in _uses_postgres()},
        **listeners,
        **{f"gateway-{name}": getattr(ports, name) for name in SERVICES},
        "content_worker-sandbox": ports.sandbox,
        "lead_worker-sink": sink_port,
        "sandbox-lead": ports.lead,
        "client-gateway": ports.gateway,
        "client-lead": ports.lead,
    }
    edges = {name: find_free_port() for name in targets}
    stack = ChaosStack(
        settings=settings,
        rewrite=rewrite,
        otlp_url=otlp_url,
        targets=targets,
        edges=edges,
        sink_port=sink_port,
        proxy=Proxy(control_port),
        kafka_settings=_listeners(ports, listeners, edges),
    )
    supervisor: asyncio.Task[None] | None = None
    try:
        await stack.start(control_port)
        supervisor = asyncio.create_task(stack.supervise(), name="supervisor")
        yield stack
        if supervisor.done():
            supervisor.result()
    finally:
        if supervisor is not None:
            supervisor.cancel()
            await asyncio.gather(supervisor, return_exceptions=True)
        stack.stop()


def _uses_postgres() -> list[str]:
    return [f"{name}{role}" for name in SERVICES for role in ("", "_worker")]


def _uses_kafka() -> list[str]:
    return [*(f"{name}_worker" for name in SERVICES), "gateway"]


def _listeners(
    ports: Ports, listeners: Mapping[str, int], edges: Mapping[str, int]
) -> dict[str, str]:
    """A listener of the broker per client, which tells that client its own edge as the address."""
    names = {edge: edge.replace("-", "_").upper() for edge in listeners}
    own = {
        "PLAINTEXT": (ports.kafka, ports.kafka),
        **{names[edge]: (port, edges[edge]) for edge, port in listeners.items()},
    }
    spoken = [*own, "CONTROLLER"]
    return {
        "listeners": ",".join(
            [f"{name}://{HOST}:{port}" for name, (port, _) in own.items()]
            + [f"CONTROLLER://{HOST}:{ports.kafka_controller}"]
        ),
        "advertised.listeners": ",".join(
            f"{name}://{HOST}:{told}" for name, (_, told) in own.items()
        ),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in spoken),
        "inter.broker.listener.name": "PLAINTEXT",
    }


def with_port(url: str, port: int) -> str:
    """The URL with another port."""
    found = urlsplit(url)
    before, _, _ = found.netloc.rpartition(":")
    return urlunsplit(found._replace(netloc=f"{before}:{port}"))


__all__ = ["ChaosStack", "Part", "Rewrite", "ServiceUrls", "as_it_is", "open_stack"]
