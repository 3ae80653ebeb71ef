"""One run: the stack, the load, the faults, then quiet, evidence and judgement."""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil

from deploy.local.demo.client import DemoFailed, until
from deploy.local.process import find_free_port
from tests.chaos import actors
from tests.chaos.brands import ChaosBrand, open_chaos_brand
from tests.chaos.checker import Anomaly, Evidence, Sources, check, collect
from tests.chaos.checker.evidence import Sample
from tests.chaos.checker.journal import install
from tests.chaos.checker.measuring import Watch
from tests.chaos.faults import Fault, plan
from tests.chaos.injection import Injector
from tests.chaos.ledger import Ledger
from tests.chaos.stack import ChaosStack, Rewrite, as_it_is, open_stack
from tests.chaos.workload import Workload
from tests.e2e.collector import Collector

Say = Callable[[str], None]

_FINISH_SECONDS = 12
"""How long operations that faults interrupted are repeated after the last fault."""

Trouble = Callable[[Injector, list[Workload]], Awaitable[None]]


@dataclass(frozen=True)
class Options:
    seed: int
    seconds: float
    """How long the load lasts."""
    every: float = 2.0
    """Seconds from one fault to the next, on average."""
    rate: float = 1.0
    """How busy each brand is: at 1 it gets a lead per second by hooks signed here."""
    stores_per_region: int = 2
    offer_minutes: tuple[float, ...] = (30, 0.5)
    """Of each brand: how long a seller has to answer. In the second, offers run out."""
    campaigns: bool = True
    faults: Sequence[Fault] | None = None
    """Instead of those that the seed draws."""
    trouble: Trouble | None = None
    """Makes faults of its own, and load that suits them, instead of a plan."""
    quiet_seconds: float = 30
    """How soon after the last fault it has to be quiet."""
    drain_seconds: float = 60
    settle_seconds: float = 600
    """How long what is under way may take to end: what is judged then is no mere backlog."""
    rewrite: Rewrite = as_it_is


@dataclass
class Result:
    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    anomalies: list[Anomaly] = field(default_factory=list)
    evidence: Evidence = field(default_factory=Evidence)
    quiet_after: float | None = None
    """Seconds from the last fault until lag, outbox and parked rows were zero."""
    stop_seconds: dict[str, float] = field(default_factory=dict)


async def run(options: Options, home: Path, say: Say) -> Result:
    """Everything of one run, in a folder of its own."""
    result = Result(options.seed)
    ledger = Ledger(home / "clients.jsonl", random.Random(f"ledger {options.seed}"))
    with Collector.listening(find_free_port()) as collector:
        say("starting the stack")
        async with (
            open_stack(home, rewrite=options.rewrite, otlp_url=collector.url) as stack,
            AsyncExitStack() as opened,
        ):
            await install(stack.admin_url)
            brands = await _open_brands(options, stack, ledger, opened)
            watch = Watch(stack.admin_url, stack.settings.bootstrap)
            opened.push_async_callback(watch.close)
            run_ = _Run(options, stack, ledger, brands, result, say, watch)
            await run_.play()
            sources = Sources(
                admin_url=stack.admin_url,
                bootstrap=stack.settings.bootstrap,
                client_ledger=ledger.path,
                sink_ledger=home / "sink.jsonl",
                log_dir=stack.settings.log_dir,
                key_dir=stack.settings.key_dir,
                traces=collector.received(),
                samples=run_.samples,
                published_twice=run_.published_twice,
                last_fault_at=run_.last_fault_at,
                quiet_seconds=options.quiet_seconds,
                settled_at=run_.settled_at,
            )
            say("collecting")
            result.evidence = await collect(sources)
            result.restarts = stack.restarts
    ledger.close()
    say("checking")
    result.anomalies = check(result.evidence)
    return result


async def _open_brands(
    options: Options, stack: ChaosStack, ledger: Ledger, opened: AsyncExitStack
) -> list[ChaosBrand]:
    return [
        await opened.enter_async_context(
            open_chaos_brand(
                stack.urls,
                f"b{number}s{options.seed}",
                rng=random.Random(f"brand {number} {options.seed}"),
                ledger=ledger,
                sink_url=stack.sink_url,
                offer_minutes=minutes,
                stores_per_region=options.stores_per_region,
            )
        )
        for number, minutes in enumerate(options.offer_minutes)
    ]


@dataclass
class _Run:
    options: Options
    stack: ChaosStack
    ledger: Ledger
    brands: list[ChaosBrand]
    result: Result
    say: Say
    watch: Watch
    samples: list[Sample] = field(default_factory=list)
    last_fault_at: float = 0.0
    settled_at: float | None = None
    published_twice: list[dict[str, Any]] = field(default_factory=list)

    async def play(self) -> None:
        options = self.options
        await self._sample("before")
        faults = plan(options.seed, options.seconds, every=options.every)
        if options.faults is not None or options.trouble is not None:
            faults = list(options.faults or ())
        self.say(f"load for {options.seconds:.0f} s with {len(faults)} faults:")
        for fault in faults:
            self.say(str(fault))
        self.ledger.until = math.inf
        workloads = [
            Workload(
                own=brand,
                ledger=self.ledger,
                rng=random.Random(f"workload {brand.tag} {options.seed}"),
                rate=options.rate,
                campaigns=options.campaigns,
            )
            for brand in self.brands
        ]
        injector = Injector(self.stack)
        began = time.monotonic()
        looking = asyncio.create_task(self._look())
        async with asyncio.TaskGroup() as load:
            for workload in workloads:
                load.create_task(actors.run(workload))
            faulting = load.create_task(injector.run(faults))
            if options.trouble is not None:
                await options.trouble(injector, workloads)
            await asyncio.sleep(max(0, began + options.seconds - time.monotonic()))
            for workload in workloads:
                workload.stopping.set()
            # what was killed last may take longer to come back
            await faulting
            self.last_fault_at = time.time()
            self.ledger.until = time.monotonic() + _FINISH_SECONDS
            looking.cancel()
            # while the last operations are repeated until they are answered
            load.create_task(self._drain())
        await asyncio.gather(looking, return_exceptions=True)
        self.result.faults = injector.done
        for brand in self.brands:
            self.ledger.note(
                "canaries",
                brand.tag,
                public=brand.canaries.public,
                personal=brand.canaries.personal,
            )
        self.result.outcomes = Counter(self.ledger.outcomes)
        await self._settle()
        await self._sample("after")
        self.published_twice = await self._published_twice()
        await self._stop_parts()

    async def _look(self) -> None:
        while True:
            await self._sample("load")
            await asyncio.sleep(5)

    async def _drain(self) -> None:
        """Until nothing waits in lag, outbox and parked rows, or it is clear that it will not."""
        self.say("waiting for quiet")
        while time.time() < self.last_fault_at + self.options.drain_seconds:
            look = await self._sample("drain")
            if look is not None and not (look.lag or look.outbox or look.parked):
                self.result.quiet_after = look.at - self.last_fault_at
                return
            await asyncio.sleep(1)

    async def _settle(self) -> None:
        """Until all that was under way has ended; subscribers say that they are there again."""
        for brand in self.brands:
            await until("the endpoint is enabled", partial(_enable, brand), seconds=60)
        deadline = time.monotonic() + self.options.settle_seconds
        calm = 0
        while time.monotonic() < deadline and calm < 2:
            look = await self._sample("drain")
            left = await self.watch.open_work()
            is_calm = look is not None and left == 0 and not (look.lag or look.outbox)
            calm = calm + 1 if is_calm else 0
            await asyncio.sleep(1)
        if calm:
            self.settled_at = time.time()

    async def _published_twice(self) -> list[dict[str, Any]]:
        """What the sandbox's platforms show more than once."""
        client = self.brands[0].brand.client
        shown = await client.send("GET", f"{client.urls.sandbox}/sandbox/posts?limit=1")
        repeated: list[dict[str, Any]] = shown["repeated"]
        return repeated

    async def _stop_parts(self) -> None:
        """End every part in order, so that the tables stand still."""
        names = [name for name in self.stack.parts if name not in self.stack.down]
        seconds = await asyncio.gather(*(self.stack.stop_part(name) for name in names))
        self.result.stop_seconds = dict(zip(names, seconds, strict=True))

    async def _sample(self, phase: str) -> Sample | None:
        """One look; None while the servers do not answer."""
        memory, sockets = {}, {}
        for name in list(self.stack.children):
            try:
                process = psutil.Process(self.stack.life(name))
                memory[f"{name} {process.pid}"] = process.memory_info().rss
                sockets[name] = len(process.net_connections(kind="tcp"))
            except psutil.Error:
                continue
        look = await self.watch.look(phase, memory=memory, sockets=sockets)
        if look is None:
            return None
        self.samples.append(look)
        return look


async def _enable(brand: ChaosBrand) -> bool:
    """What waits for the brand's subscriber is due now; False when nobody answered."""
    try:
        await brand.brand.client.mutate(
            "enableWebhookEndpoint",
            "WebhookEndpoint",
            "id",
            {"id": brand.endpoint_id},
            input_type="OnOne",
        )
    except (DemoFailed, httpx.HTTPError):
        return False
    return True


__all__ = ["Options", "Result", "replace", "run"]
