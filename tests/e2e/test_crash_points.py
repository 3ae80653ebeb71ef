"""Some I/O points of a lead's way, each with the process killed at it; `make crash-points` has all.

One of every kind, before and after: the flow comes to its end all the same, and nothing is there
twice.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from deploy.local import process
from deploy.local.process import find_free_port
from deploy.local.settings import HOST, REPOSITORY
from tests.chaos.brands import open_chaos_brand
from tests.chaos.checker.collecting import read_sink_ledger
from tests.chaos.crashpoints.control import SIDES, Stop
from tests.chaos.crashpoints.driver import Lane
from tests.chaos.crashpoints.flows import LeadFlow, Tables
from tests.chaos.crashpoints.run import rewrite
from tests.chaos.ledger import Ledger
from tests.chaos.workload import Workload
from tests.e2e.stack import Running
from tests.e2e.topics import assert_gapless, read_topics

# a kill is followed by a new start and by what the others wait for
pytestmark = pytest.mark.timeout(300)

PROCESSES = ("lead", "lead_worker")
TOPICS = ("kos.lead", "kos.contact", "kos.deal")
SEED = 7


@pytest.fixture
async def lane(running: Running, tmp_path: Path) -> AsyncIterator[Lane]:
    """Both processes of lead_svc in the nursery, and a brand whose webhooks reach a sink."""
    folder = tmp_path / "points"
    folder.mkdir()
    ledger = Ledger(tmp_path / "clients.jsonl", random.Random(SEED), repeat_rate=0.0)
    ledger.until = time.monotonic() + 300
    async with AsyncExitStack() as opened:
        opened.callback(ledger.close)
        port = find_free_port()
        sink = process.start(
            "sink",
            [sys.executable, "-m", "tests.chaos.sink", str(port), str(tmp_path / "sink.jsonl")],
            log=tmp_path / "sink.log",
            run_dir=tmp_path / "run",
            cwd=REPOSITORY,
        )
        opened.callback(sink.stop)
        await process.wait_for_port(sink, port)
        brand = await opened.enter_async_context(
            open_chaos_brand(
                running.urls,
                "points",
                rng=random.Random(SEED),
                ledger=ledger,
                sink_url=f"http://{HOST}:{port}",
                offer_minutes=60,
                stores_per_region=1,
            )
        )
        tables = Tables()
        await tables.open(running.admin_url, opened)
        for name in PROCESSES:
            running.kill(name)
            await running.start(name, rewrite(folder))

        def restart(name: str) -> None:
            for child in psutil.Process(running.child(name).process.pid).children():
                child.kill()

        flow = LeadFlow(tables, Workload(own=brand, ledger=ledger, rng=random.Random(SEED), rate=1))
        yield Lane("lead", folder, PROCESSES, flow, restart)
        for name in PROCESSES:
            running.kill(name)
            await running.start(name)


async def test_a_process_killed_at_its_io_loses_and_doubles_nothing(
    running: Running, lane: Lane, tmp_path: Path
) -> None:
    points = [point for point, _ in await lane.record(most=1, plays=1, idle_seconds=0.5)]
    drawn = random.Random(SEED)
    stops = [
        Stop(drawn.choice(of_kind), 1, side)
        for process_name in PROCESSES
        for kind in sorted({point.kind for point in points})
        if (
            of_kind := [
                each for each in points if (each.process, each.kind) == (process_name, kind)
            ]
        )
        for side in SIDES
    ]

    outcomes = await lane.try_all(stops, lambda _: None)

    assert [(outcome.failure, str(outcome.stop)) for outcome in outcomes if outcome.failure] == []
    assert sum(outcome.was_hit for outcome in outcomes) >= len(stops) - 2
    assert isinstance(lane.flow, LeadFlow)
    brand = lane.flow.workload.own
    announced = await read_topics(
        running.urls.kafka_bootstrap, TOPICS, brand_id=brand.brand.client.brand_id
    )
    assert_gapless(announced)
    taken = [call for call in read_sink_ledger(tmp_path / "sink.jsonl") if call.is_taken]
    assert {call.headers["webhook-id"] for call in taken} == {
        str(each.event_id) for each in announced
    }
    made = {each for outcome in outcomes for each in outcome.made if each.startswith("lead_")}
    kinds = Counter(each.type for each in {each.event_id: each for each in announced}.values())
    assert kinds["kos.lead.captured.v1"] == kinds["kos.lead.accepted.v1"] >= len(made) > 0
