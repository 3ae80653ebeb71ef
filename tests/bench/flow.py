"""Rows of the whole way of a lead: signed hook, capture, routing, offer, webhook to the SCRM.

All processes of the embedded stack run, a brand has its sellers, and a subscriber on loopback takes
the webhooks. `saturation` sends leads without a pause until the last one's offer has arrived;
`flow` sends at half of that rate and reports how long each lead takes from the first byte of its
hook to the arrival of its offer. `footprint` is what the processes hold meanwhile.
"""

import asyncio
import base64
import json
import secrets
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from io import StringIO
from unittest import mock

import asyncpg
import psutil
from rich.console import Console

from deploy.local import identity, postgres
from deploy.local.process import find_free_port
from deploy.local.report import Report
from deploy.local.settings import Ports, StackSettings, urls_of
from deploy.local.stack import Stack, own
from shared.ids import parse_id
from tests.bench.intake import Sender
from tests.bench.load import send_many
from tests.bench.rounds import ALL_CORES, cpu_seconds, pin
from tests.bench.row import Options, Result, Row, Sample, Side
from tests.conftest import reachable_folder
from tests.e2e import small_brand
from tests.e2e.small_brand import SmallBrand

SATURATION = Row("saturation", "leads/s from signed hook to the offer's webhook, whole stack")
FLOW = Row("flow", "hook to the offer's webhook at half of saturation, whole stack")
FOOTPRINT = Row("footprint", "resident memory of every process: idle / under load, MB")
ROWS = (SATURATION, FLOW, FOOTPRINT)

STORES_A_REGION = 20
CAPACITY = 1_000
SECONDS = 20
"""How long `flow` sends."""
_WAIT_SECONDS = 120
_CONNECTIONS = 16


async def measure(options: Options, wanted: Collection[str]) -> list[Result]:
    pin(0, ALL_CORES)
    async with _stack() as stack, _brand(stack) as brand, _subscriber() as subscriber:
        sender = await _connect(brand, subscriber)
        port = stack.settings.ports.lead
        await _send_all(port, sender, subscriber, 50)
        await asyncio.sleep(5)
        idle = _resident(stack)
        count = max(300, options.requests // 2)
        cpu, size = _cpu(stack), await _written(stack)
        seconds, latencies = await _send_all(port, sender, subscriber, count)
        loaded = _resident(stack)
        rate = count / seconds
        spent = {name: (after - cpu[name]) / count for name, after in _cpu(stack).items()}
        grown = {
            name: (after - size[name]) / count for name, after in (await _written(stack)).items()
        }
        saturation = Sample(count, seconds, sum(spent.values()) * count, latencies)
        told = [
            "CPU ms a lead: "
            + ", ".join(f"{name} {one * 1e3:.1f}" for name, one in sorted(spent.items())),
            "bytes a lead: " + ", ".join(f"{name} {one:.0f}" for name, one in grown.items()),
        ]
        results = [Result(SATURATION, ours=Side.of([saturation]), note="\n".join(told))]
        if FLOW.id in wanted:
            latencies = await _send_at(port, sender, subscriber, rate / 2, SECONDS)
            sample = Sample(len(latencies), SECONDS, 0, latencies)
            results.append(Result(FLOW, ours=Side.of([sample]), note=f"at {rate / 2:.0f} leads/s"))
        note = "\n".join(
            f"{name:15} {idle[name]:5.0f} / {loaded.get(name, 0):5.0f}" for name in sorted(idle)
        )
        note += f"\n{'all':15} {sum(idle.values()):5.0f} / {sum(loaded.values()):5.0f}"
        results.append(Result(FOOTPRINT, note=note))
    return [one for one in results if one.row.id in wanted]


@asynccontextmanager
async def _stack() -> AsyncIterator[Stack]:
    """A stack of its own, on free ports in a new folder."""
    with reachable_folder() as home:
        ports = Ports.model_validate({name: find_free_port() for name in Ports.model_fields})
        settings = StackSettings(home=home, ports=ports, ready_seconds=180)
        stack = Stack(settings, Report(Console(file=StringIO())))
        with own(settings):
            try:
                await stack.start(infrastructure_only=False)
                yield stack
            finally:
                stack.stop()


@asynccontextmanager
async def _brand(stack: Stack) -> AsyncIterator[SmallBrand]:
    with mock.patch.object(small_brand, "CAPACITY", CAPACITY):
        async with small_brand.open_brand(
            urls_of(stack.settings), "bench", stores_per_region=STORES_A_REGION
        ) as brand:
            yield brand


class Subscriber(asyncio.Protocol):
    """Takes webhooks, as many connections as come, and notes when each lead's offer arrived."""

    def __init__(self, arrivals: "Arrivals") -> None:
        self._arrivals = arrivals
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        _, _, after = head.lower().partition(b"\r\ncontent-length:")
        if len(body) < int(after.partition(b"\r\n")[0] or 0):
            return
        self._buffer = b""
        self._arrivals.note(json.loads(body))
        assert isinstance(self._transport, asyncio.WriteTransport)
        self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


class Arrivals:
    """When the offer of each lead arrived, by the sender's id of the lead."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.offered: dict[str, float] = {}
        self._sources: dict[str, str] = {}

    def note(self, event: dict[str, object]) -> None:
        """In order per lead, the capture comes before the offer and tells the sender's id."""
        data = event["data"]
        assert isinstance(data, dict)
        if event["type"] == "kos.lead.captured.v1":
            self._sources[str(event["subject"])] = data["source_lead_id"]
        elif event["type"] == "kos.lead.offered.v1":
            self.offered.setdefault(self._sources[str(event["subject"])], time.perf_counter())

    async def wait_for(self, lead_ids: Collection[str]) -> None:
        async with asyncio.timeout(_WAIT_SECONDS):
            while not all(one in self.offered for one in lead_ids):
                await asyncio.sleep(0.05)


@asynccontextmanager
async def _subscriber() -> AsyncIterator[Arrivals]:
    arrivals = Arrivals(find_free_port())
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Subscriber(arrivals), "127.0.0.1", arrivals.port)
    async with server:
        yield arrivals


async def _connect(brand: SmallBrand, arrivals: Arrivals) -> Sender:
    """Subscribe to the brand's leads, and connect a source of leads."""
    await brand.client.mutate(
        "addWebhookEndpoint",
        "WebhookEndpoint",
        "id",
        {
            "url": f"http://127.0.0.1:{arrivals.port}/",
            "name": "bench",
            "eventTypes": ["kos.lead.captured.v1", "kos.lead.offered.v1"],
        },
    )
    key = secrets.token_bytes(32)
    shown = f"whsec_{base64.b64encode(key).decode()}"
    connection = await brand.client.mutate(
        "connectPlatform",
        "PlatformConnection",
        "id",
        {"platform": "generic", "name": "bench", "secrets": {"keys": [shown]}},
    )
    connection_id = parse_id("conn", connection["id"])
    brand_id = parse_id("brand", brand.client.brand_id)
    return Sender(
        connection_id, brand_id, key, f"/hooks/generic/{connection['id']}", _lead_of_a_store
    )


def _lead_of_a_store(number: int) -> dict[str, str]:
    """Every lead is another person's and names one of the stores, in turn."""
    region = small_brand.REGIONS[number % 2][0]
    store = number // 2 % STORES_A_REGION + 1
    return {"phone": f"139{number:08}", "store_code": f"S-{region}-{store}"}


async def _send_all(
    port: int, sender: Sender, arrivals: Arrivals, count: int
) -> tuple[float, list[float]]:
    """Send without a pause: seconds until the last offer arrived, and of each lead."""
    messages = sender.requests(count)
    ids = sender.last_ids(count)
    started = time.perf_counter()
    await send_many(port, messages, count, connections=_CONNECTIONS)
    await arrivals.wait_for(ids)
    ends = [arrivals.offered[one] for one in ids]
    return max(ends) - started, [end - started for end in ends]


async def _send_at(
    port: int, sender: Sender, arrivals: Arrivals, rate: float, seconds: float
) -> list[float]:
    """Send at this rate, however long answers take: the seconds of each lead."""
    loop = asyncio.get_running_loop()
    count = max(20, int(rate * seconds))
    sent: dict[str, float] = {}

    async def send(number: int, message: bytes, lead_id: str) -> None:
        await asyncio.sleep(max(0.0, begins + number / rate - loop.time()))
        sent[lead_id] = time.perf_counter()
        await send_many(port, [message], 1, connections=1)

    messages, ids = sender.requests(count), sender.last_ids(count)
    begins = loop.time() + 0.1
    async with asyncio.TaskGroup() as group:
        for number, (message, lead_id) in enumerate(zip(messages, ids, strict=True)):
            group.create_task(send(number, message, lead_id))
    await arrivals.wait_for(ids)
    return [arrivals.offered[one] - sent[one] for one in ids]


def _cpu(stack: Stack) -> dict[str, float]:
    """CPU seconds of each process of the stack so far, by name."""
    return {child.name: cpu_seconds([child.process.pid]) for child in stack.children}


async def _written(stack: Stack) -> dict[str, int]:
    """Bytes of the databases, of their log and of the broker's log so far."""
    password = identity.ensure_secrets(stack.settings.key_dir)["postgres"]
    url = postgres.admin_url(stack.settings.ports.postgres, password)
    database = await asyncpg.connect(url)
    try:
        sizes = await database.fetch(
            "select datname as name, pg_database_size(datname) as size from pg_database"
            " where datname like 'kos_%' order by 1"
        )
        log = await database.fetchval("select (pg_current_wal_insert_lsn() - '0/0')::bigint")
    finally:
        await database.close()
    records = (stack.settings.home / "kafka").rglob("kos.*/*.log")
    # segments are allocated ahead: what counts is what is in them
    kafka = sum(path.stat().st_blocks * 512 for path in records)
    return {**{row["name"]: row["size"] for row in sizes}, "WAL": log, "Kafka": kafka}


def _resident(stack: Stack) -> dict[str, float]:
    """MB by process; PostgreSQL's share their buffers, which count once."""
    found = {}
    for child in stack.children:
        root = psutil.Process(child.process.pid)
        members = [root, *root.children(recursive=True)]
        if child.name == "postgres":
            size = sum(one.memory_full_info().pss for one in members)
        else:
            size = sum(one.memory_info().rss for one in members)
        found[child.name] = size / 2**20
    return found
