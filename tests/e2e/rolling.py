"""Every process replaced, one after the other, while brands work: nobody notices.

Two copies of each api and of the gateway stand behind a round robin, as in a cluster; the lead
workers are two members of their groups. A copy is replaced as a rolling update does it: SIGTERM,
then a successor on its place. The clients keep their connections, as good clients do, and repeat
nothing: each failure of theirs counts.
"""

import asyncio
import base64
import itertools
import json
import secrets
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from standardwebhooks import Webhook

from deploy.local.databases import SERVICES
from deploy.local.demo import setup
from deploy.local.demo.catching_up import wait_until_caught_up
from deploy.local.demo.client import until
from deploy.local.parts import Part
from deploy.local.process import find_free_port
from tests.e2e.balancer import Balancer, balancing
from tests.e2e.small_brand import SmallBrand, list_all, open_brand
from tests.e2e.stack import Running
from tests.e2e.topics import assert_gapless, read_topics

pytestmark = pytest.mark.timeout(600)

STOP_SECONDS = 20
# a slow machine is no failed request
PATIENCE = {"GATEWAY_UPSTREAM_SECONDS": "20", "GATEWAY_QUERY_SECONDS": "25"}
WORKERS = ("account_worker", "content_worker", "lead_worker", "lead_worker_b")
_RANDOM = len("-") + 36
GROUPS = ("lead_svc", "lead_svc.pipeline", "lead_svc.webhooks")


@dataclass
class Load:
    """What the clients did: one entry per request that was answered well, and what was not."""

    hooks: list[str] = field(default_factory=list)
    personas: dict[int, str] = field(default_factory=dict)
    reads: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fleet:
    """Two copies of every process that serves, each kind behind its round robin."""

    running: Running
    parts: dict[str, Part]
    balancers: dict[str, Balancer]

    async def replace(self, name: str) -> float:
        """Stop the copy, then start its successor in its place; the seconds of the stop."""
        seconds = await self.running.stop(name)
        await self.running.start_part(self.parts[name])
        return seconds


@asynccontextmanager
async def open_fleet(running: Running) -> AsyncIterator[Fleet]:
    """The stack's own processes and a second copy of each; two gateways in front of the pairs."""
    parts: dict[str, Part] = {name: running.part(name) for name in (*SERVICES, *WORKERS[:3])}
    parts |= {f"{name}_b": copy_of(parts[name], f"{name}_b") for name in SERVICES}
    second = {"LEAD_WORKER_ORDINAL": "1"}
    parts["lead_worker_b"] = copy_of(parts["lead_worker"], "lead_worker_b", second)
    async with AsyncExitStack() as stack:
        balancers: dict[str, Balancer] = {
            name: await stack.enter_async_context(
                balancing(find_free_port(), [parts[name].port, parts[f"{name}_b"].port])
            )
            for name in SERVICES
        }
        upstreams = {f"GATEWAY_{name.upper()}_URL": balancers[name].url for name in SERVICES}
        for name in ("gateway_a", "gateway_b"):
            parts[name] = copy_of(running.part("gateway"), name, {**upstreams, **PATIENCE})
        ports = [parts[name].port for name in ("gateway_a", "gateway_b")]
        balancers["gateway"] = await stack.enter_async_context(balancing(find_free_port(), ports))
        added = [name for name in parts if name.endswith(("_a", "_b"))]
        try:
            await asyncio.gather(*(running.start_part(parts[name]) for name in added))
            for balancer in balancers.values():
                await balancer.wait_until_ready(2)
            yield Fleet(running, parts, balancers)
        finally:
            children = [child for child in running.stack.children if child.name in added]
            for child in children:
                child.ask_to_stop()
            for child in children:
                await asyncio.to_thread(child.stop)
                running.stack.children.remove(child)


def copy_of(part: Part, name: str, env: Mapping[str, str] | None = None) -> Part:
    """Another process like the part, on a port of its own."""
    port = find_free_port()
    kind = name.split("_", maxsplit=1)[0].upper()
    variable = f"{kind}_WORKER_PORT" if "worker" in name else f"{kind}_PORT"
    return replace(part, name=name, port=port, env={**part.env, variable: str(port), **(env or {})})


async def test_a_rolling_update_under_load_is_not_noticed(running: Running) -> None:
    async with (
        open_brand(running.urls, "roll", stores_per_region=1, platforms=("douyin",) * 2) as brand,
        open_fleet(running) as fleet,
    ):
        await setup.set_rules(brand.client, offer_minutes=30)
        connection, secret = await connect_generic(brand)
        bootstrap = brand.client.urls.kafka_bootstrap
        seats = await seats_of(bootstrap)
        load = Load()
        async with loading(fleet, brand, connection, secret, load):
            await until("the load runs", lambda: _reached(load, 5), every=0.05)
            stops: dict[str, float] = {}
            # the deployments of a release are rolled side by side, the copies of each in turn
            for names in ((*SERVICES, "gateway_a"), (*map("{}_b".format, SERVICES), "gateway_b")):
                took = await asyncio.gather(*map(fleet.replace, names))
                stops |= dict(zip(names, took, strict=True))
                for balancer in fleet.balancers.values():
                    await balancer.wait_until_ready(2)
            for name in WORKERS:
                stops[name] = await fleet.replace(name)
            await asyncio.sleep(0.5)

        assert load.failures == []
        assert set(stops) == set(fleet.parts)
        assert {name: took for name, took in stops.items() if took >= STOP_SECONDS} == {}
        assert min(len(load.hooks), len(load.personas), load.reads) > 10
        await _wait_until_routed(brand, len(load.hooks))
        await assert_nothing_lost_or_doubled(brand, load)
        assert await seats_of(bootstrap) == seats


@asynccontextmanager
async def loading(
    fleet: Fleet, brand: SmallBrand, connection: str, secret: str, load: Load
) -> AsyncIterator[None]:
    """Hooks, mutations and reads from clients that keep their connections, at a steady pace."""
    numbers = itertools.count()
    gateway = fleet.balancers["gateway"].url
    hooks = f"{fleet.balancers['lead'].url}/hooks/generic/{connection}"
    bearer = {"Authorization": f"Bearer {brand.client.token()}"}

    async def send_hook(http: httpx.AsyncClient) -> None:
        lead_id = f"roll-{next(numbers)}"
        answer = await http.post(hooks, **signed(secret, lead_id))
        assert answer.is_success, f"hook: {answer.status_code} {answer.text}"
        load.hooks.append(lead_id)

    async def add_persona(http: httpx.AsyncClient) -> None:
        number = next(numbers)
        key = {"idempotencyKey": f"rolling-{number}"}
        command = {"kind": "TOPIC_EXPERT", "name": f"滚动 {number}", **key}
        document = (
            "mutation($input: AddPersonaInput!) { addPersona(input: $input) "
            "{ __typename ... on Persona { id } ... on Problem { code message } } }"
        )
        body = {"query": document, "variables": {"input": command}}
        data = await ask(http, body)
        assert data["addPersona"]["__typename"] == "Persona", data
        load.personas[number] = data["addPersona"]["id"]

    async def read(http: httpx.AsyncClient) -> None:
        leads = "leads(first: 3) { edges { node { id staff { name } } } }"
        document = f"{{ {leads} personas(first: 1) {{ edges {{ node {{ id }} }} }} }}"
        await ask(http, {"query": document})
        load.reads += 1

    async def ask(http: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
        answer = await http.post(f"{gateway}/graphql", json=body, headers=bearer)
        told = answer.json()
        assert answer.status_code == 200, told
        assert not told.get("errors"), told
        data: dict[str, Any] = told["data"]
        return data

    stopping = asyncio.Event()

    async def work(act: Callable[[httpx.AsyncClient], Awaitable[None]], pause: float) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            while not stopping.is_set():
                try:
                    await act(http)
                except (httpx.TransportError, AssertionError) as error:
                    load.failures.append(f"{act.__name__}: {type(error).__name__} {error}")
                await asyncio.sleep(pause)

    acts = ((send_hook, 0.2), (send_hook, 0.2), (add_persona, 0.2), (read, 0.2))
    tasks = [asyncio.create_task(work(act, pause)) for act, pause in acts]
    try:
        yield
    finally:
        stopping.set()
        await asyncio.gather(*tasks)


def signed(secret: str, lead_id: str) -> dict[str, Any]:
    """A hook of one lead as its sender signs it."""
    at = datetime.now(UTC)
    body = json.dumps(
        {
            "type": "lead.created",
            "timestamp": at.isoformat(),
            "data": {
                "lead_id": lead_id,
                "phone": f"1391{abs(hash(lead_id)) % 10**7:07d}",
                "submitted_at": at.isoformat(),
            },
        }
    )
    headers = {
        "content-type": "application/json",
        "webhook-id": lead_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(lead_id, at, body),
    }
    return {"content": body.encode(), "headers": headers}


async def connect_generic(brand: SmallBrand) -> tuple[str, str]:
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    command = {"platform": "generic", "name": "rolling", "secrets": {"keys": [secret]}}
    made = await brand.client.mutate("connectPlatform", "PlatformConnection", "id", command)
    return made["id"], secret


async def assert_nothing_lost_or_doubled(brand: SmallBrand, load: Load) -> None:
    stored = await list_all(brand.client, "leads", "id source sourceLeadId")
    sent = Counter(lead["sourceLeadId"] for lead in stored if lead["source"] == "generic")
    assert sent == Counter(load.hooks)
    written = defaultdict(list)
    for persona in await list_all(brand.client, "personas", "id name"):
        if persona["name"].startswith("滚动"):
            written[persona["name"]].append(persona["id"])
    assert written == {f"滚动 {number}": [made] for number, made in load.personas.items()}
    bootstrap, brand_id = brand.client.urls.kafka_bootstrap, brand.client.brand_id
    announced = await read_topics(bootstrap, ["kos.lead", "kos.contact"], brand_id=brand_id)
    assert_gapless(announced)
    # a relay that is asked to stop leaves nothing that it sent behind in the outbox
    assert len({each.event_id for each in announced}) == len(announced)
    kinds = Counter(each.type for each in announced)
    assert kinds["kos.lead.captured.v1"] == kinds["kos.lead.qualified.v1"] == len(load.hooks)


async def seats_of(bootstrap: str) -> dict[tuple[str, str], set[tuple[str, int]]]:
    """Partitions by group and static member."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    found: dict[tuple[str, str], set[tuple[str, int]]] = {}

    async def settled() -> bool:
        found.clear()
        for name in GROUPS:
            # one at a time: the client cannot read an answer about several
            (response,) = await admin.describe_consumer_groups([name])
            ((_, _, state, _, _, members, *_),) = response.groups
            if state != "Stable":
                return False
            for member in members:
                seats = ConsumerProtocolMemberAssignment.decode(member[-1]).assignment
                # a static member's id is its name and something random
                found[name, member[0][:-_RANDOM]] = {
                    (topic, number) for topic, numbers in seats for number in numbers
                }
        return len(found) == 2 * len(GROUPS)

    try:
        await until("both members of each group have their partitions", settled)
    finally:
        await admin.close()
    return found


async def _reached(load: Load, least: int) -> bool:
    assert load.failures == []
    return min(len(load.hooks), len(load.personas), load.reads) >= least


async def _wait_until_routed(brand: SmallBrand, count: int) -> None:
    async def routed() -> bool:
        data = await brand.client.query("{ funnel { leads { captured offered pooled } } }")
        leads = data["funnel"]["leads"]
        return bool(leads["captured"] == count == leads["offered"] + leads["pooled"])

    # the sellers are full long before: what the load left is pooled at the machine's pace
    await until("every lead is routed", routed, seconds=240)
    await wait_until_caught_up(brand.client.urls.kafka_bootstrap)
