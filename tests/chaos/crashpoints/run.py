"""One stack lives through all stops; at its end the checker reads everything that happened."""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psutil

from deploy.local.parts import Part
from tests.chaos.brands import ChaosBrand, open_chaos_brand
from tests.chaos.checker import Anomaly, Sources, check, collect
from tests.chaos.checker.evidence import Sample
from tests.chaos.checker.journal import install
from tests.chaos.checker.measuring import Watch
from tests.chaos.crashpoints.control import Stop
from tests.chaos.crashpoints.driver import Lane, Outcome, Slice, is_in_slice, list_stops
from tests.chaos.crashpoints.flows import CampaignFlow, LeadFlow, Tables
from tests.chaos.ledger import Ledger
from tests.chaos.stack import ChaosStack, open_stack
from tests.chaos.workload import Workload

Say = Callable[[str], None]

LEAD_PROCESSES = ("gateway", "lead", "lead_worker", "account_worker")
CAMPAIGN_PROCESSES = ("content", "content_worker")
_QUIET_SECONDS = 60


@dataclass(frozen=True)
class Options:
    seed: int = 1
    most: int = 3
    """A point that a flow reaches several times is a stop each time, up to so many."""
    sample: int | None = None
    """Only so many stops of each flow, drawn by the seed."""
    minutes: float | None = None
    """Only what can be tried in that time, in an order drawn by the seed."""
    tries: int = 12
    """How often a stop is tried whose point comes only now and then."""
    part: Slice = (1, 1)
    """Only the stops of this part, of so many. A stop is in the same part in every run."""


@dataclass
class Result:
    points: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By process and kind."""
    planned: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def reached(self) -> list[Outcome]:
        return [each for each in self.outcomes if each.was_hit]

    def broken(self, outcome: Outcome) -> list[str]:
        """Why the invariants did not hold at this stop; empty when they did."""
        found = [outcome.failure] if outcome.failure else []
        return found + [
            str(anomaly)
            for anomaly in self.anomalies
            if any(made in anomaly.reason for made in outcome.made)
        ]

    @property
    def unassigned(self) -> list[Anomaly]:
        """Anomalies that belong to no stop that is known; they count all the same."""
        made = [each for outcome in self.outcomes for each in outcome.made]
        return [
            anomaly for anomaly in self.anomalies if not any(one in anomaly.reason for one in made)
        ]

    @property
    def is_clean(self) -> bool:
        return not self.anomalies and not any(each.failure for each in self.outcomes)


def rewrite(folder: Path) -> Callable[[Part], Part]:
    """Starts the processes under test through the nursery; all others as they are."""

    def through_nursery(part: Part) -> Part:
        # what time alone brings would be noise, and a killed attempt's lease is waited out
        env = part.env | {
            "CONTENT_MEASURE_FIRST_SECONDS": "3600",
            "CONTENT_DISPATCH_LEASE_SECONDS": "5",
        }
        if part.name not in (*LEAD_PROCESSES, *CAMPAIGN_PROCESSES):
            return replace(part, env=env)
        python, _, *module = part.command
        inject = ["-u", "-m", "tests.chaos.inject", f"points={folder}"]
        return replace(part, command=[python, *inject, *module], env=env)

    return through_nursery


async def run(options: Options, home: Path, say: Say) -> Result:
    result = Result()
    began = time.monotonic()
    folder = home / "points"
    folder.mkdir()
    ledger = Ledger(home / "clients.jsonl", random.Random(options.seed), repeat_rate=0.0)
    ledger.until = time.monotonic() + 24 * 3600
    say("starting the stack")
    async with open_stack(home, rewrite=rewrite(folder)) as stack, AsyncExitStack() as opened:
        await install(stack.admin_url)
        tables = Tables()
        await tables.open(stack.admin_url, opened)
        sellers = await _open_brand(stack, "points1", 4, ledger, opened)
        posters = await _open_brand(stack, "points2", 1, ledger, opened)
        campaigns = CampaignFlow(tables, _workload(posters, ledger))
        await campaigns.prepare()
        leads = LeadFlow(tables, _workload(sellers, ledger))

        def restart(name: str) -> None:
            for child in psutil.Process(stack.pid(name)).children():
                child.kill()

        lanes = [
            Lane("lead", folder, LEAD_PROCESSES, leads, restart),
            Lane("campaign", folder, CAMPAIGN_PROCESSES, campaigns, restart),
        ]
        say("recording the points")
        # one after the other, or the one's consumers would be taken for the other's
        plans = [await _plan(lane, options, result) for lane in lanes]
        for (process, kind), count in sorted(result.points.items()):
            say(f"{process:<15} {kind:<14} {count} points")
        say(f"{sum(map(len, plans))} stops")
        result.planned = sum(map(len, plans))
        until = math.inf if options.minutes is None else time.monotonic() + options.minutes * 60
        found = await asyncio.gather(
            *(
                lane.try_all(stops, say, until=until, tries=options.tries)
                for lane, stops in zip(lanes, plans, strict=True)
            )
        )
        result.outcomes = [outcome for outcomes in found for outcome in outcomes]
        for brand in (sellers, posters):
            ledger.note(
                "canaries",
                brand.tag,
                public=brand.canaries.public,
                personal=brand.canaries.personal,
            )
        last_stop_at = time.time()
        samples: list[Sample] = []
        settled_at = await _settle(stack, samples)
        twice = await _published_twice(stack)
        for name in list(stack.parts):
            await stack.stop_part(name)
        say("checking")
        evidence = await collect(
            Sources(
                admin_url=stack.admin_url,
                bootstrap=stack.settings.bootstrap,
                client_ledger=ledger.path,
                sink_ledger=home / "sink.jsonl",
                log_dir=stack.settings.log_dir,
                key_dir=stack.settings.key_dir,
                samples=samples,
                published_twice=twice,
                last_fault_at=last_stop_at,
                settled_at=settled_at,
            )
        )
    ledger.close()
    result.anomalies = check(evidence)
    result.seconds = time.monotonic() - began
    return result


async def _plan(lane: Lane, options: Options, result: Result) -> list[Stop]:
    points = await lane.record(most=options.most)
    result.points.update((point.process, point.kind) for point, _ in points)
    stops = [stop for stop in list_stops(points) if is_in_slice(stop, options.part)]
    if options.sample is not None and options.sample < len(stops):
        stops = random.Random(options.seed).sample(stops, options.sample)
    if options.minutes is not None:
        random.Random(options.seed).shuffle(stops)
    return stops


async def _open_brand(
    stack: ChaosStack, tag: str, stores: int, ledger: Ledger, opened: AsyncExitStack
) -> ChaosBrand:
    return await opened.enter_async_context(
        open_chaos_brand(
            stack.urls,
            tag,
            rng=random.Random(tag),
            ledger=ledger,
            sink_url=stack.sink_url,
            offer_minutes=600,
            stores_per_region=stores,
        )
    )


def _workload(brand: ChaosBrand, ledger: Ledger) -> Workload:
    return Workload(own=brand, ledger=ledger, rng=random.Random(brand.tag), rate=1)


async def _settle(stack: ChaosStack, samples: list[Sample]) -> float | None:
    """When nothing was under way any more; None if that did not come about."""
    watch = Watch(stack.admin_url, stack.settings.bootstrap)
    end = time.monotonic() + _QUIET_SECONDS
    settled_at = None
    try:
        while settled_at is None and time.monotonic() < end:
            look = await watch.look("drain", memory={}, sockets={})
            if look is None:
                continue
            samples.append(look)
            if not (look.lag or look.outbox) and await watch.open_work() == 0:
                settled_at = time.time()
            await asyncio.sleep(0.5)
        look = await watch.look("after", memory={}, sockets={})
        samples += [look] if look is not None else []
    finally:
        await watch.close()
    return settled_at


async def _published_twice(stack: ChaosStack) -> list[dict[str, Any]]:
    """What the platforms show more than once."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.get(f"{stack.settings.url('sandbox')}/sandbox/posts?limit=1")
    repeated: list[dict[str, Any]] = answer.json()["repeated"]
    return repeated
