"""Subscriptions: a caller is told of its own brand's events and of nobody else's."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.schema.live import TOPICS
from shared.access import Principal, Role
from shared.clock import now
from tests.isolation.brand import Brand
from tests.isolation.probing import look_for, never_was
from tests.isolation.sdl import list_operations
from tests.isolation.world import World

Sides = tuple[Brand, Brand]

PERIOD = f"{now():%Y-%m}"
DOCUMENTS = {
    "leads": "subscription { leads { id type occurredAt lead { id city product contact { name } } "
    "staff { id code } unit { id name } } }",
    "offers": "subscription { offers { id status lead { id product } staff { id code } } }",
    "leaderboard": f'subscription {{ leaderboard(period: "{PERIOD}") '
    "{ rank points store { id name } } }",
    "campaignProgress": "subscription($id: ID!) { campaignProgress(campaignId: $id) "
    "{ id name counts { published } } }",
}


def test_every_subscription_is_asked_for() -> None:
    assert {each.field for each in list_operations("subscription")} == DOCUMENTS.keys()


@asynccontextmanager
async def stream(
    world: World, principal: Principal, document: str, **variables: Any
) -> AsyncIterator[asyncio.Queue[bytes]]:
    """The lines of an event stream, as they come."""
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    headers = {
        "authorization": f"Bearer {world.site.token(principal)}",
        "accept": "text/event-stream",
    }
    body = {"query": document, "variables": variables}

    async def read() -> None:
        url = f"{world.gateway_url}/graphql"
        async with world.streams.stream("POST", url, json=body, headers=headers) as got:
            async for line in got.aiter_lines():
                lines.put_nowait(line.encode())

    reading = asyncio.create_task(read())
    try:
        yield lines
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def announce(world: World, brand: Brand) -> int:
    """Everything that the brand's services announced comes by once more."""
    count = 0
    for envelope in world.announced[brand.id]:
        if envelope.topic in TOPICS:
            record: Any = SimpleNamespace(
                topic=envelope.topic,
                partition=0,
                offset=0,
                key=envelope.key.encode(),
                value=envelope.payload,
                headers=[(name, value.encode()) for name, value in envelope.headers.items()],
            )
            world.apps.feed.dispatch(record)
            count += 1
            await asyncio.sleep(0)
    return count


async def collect(lines: asyncio.Queue[bytes], *, seconds: float, least: int = 0) -> bytes:
    """What comes until it has been quiet for so long; at least so many lines of data."""
    found: list[bytes] = []
    while True:
        patience = 15 if sum(line.startswith(b"data: {") for line in found) < least else seconds
        try:
            found.append(await asyncio.wait_for(lines.get(), patience))
        except TimeoutError:
            return b"\n".join(found)


@pytest.mark.parametrize("field", ["leads", "offers", "leaderboard"])
async def test_nothing_of_another_brand_is_streamed(world: World, sides: Sides, field: str) -> None:
    own, other = sides
    async with stream(world, own.admin, DOCUMENTS[field]) as lines:
        await until_subscribed(world, own)
        assert await announce(world, other) > 10
        await announce(world, own)
        told = await collect(lines, seconds=1.0, least=2)

    assert look_for(other, told) is None
    assert look_for(own, told) is not None


@pytest.mark.parametrize(("field", "role"), [("leads", Role.STORE_MANAGER), ("offers", Role.KOS)])
async def test_nothing_of_another_store_is_streamed(
    world: World, brands: Sides, field: str, role: Role
) -> None:
    own, _ = brands
    async with stream(world, own.acting(role), DOCUMENTS[field]) as lines:
        await until_subscribed(world, own)
        await announce(world, own)
        told = await collect(lines, seconds=1.0, least=2)

    assert f"{own.canary}-east".encode() in told
    assert f"{own.canary}-west".encode() not in told
    assert own.west.staff.encode() not in told


async def test_a_campaign_of_another_brand_is_as_if_it_never_was(
    world: World, sides: Sides
) -> None:
    own, other = sides
    campaign = other.ids["camp"][0]
    answers = []
    for wanted in (campaign, never_was(campaign)):
        document = DOCUMENTS["campaignProgress"]
        async with stream(world, own.admin, document, id=wanted) as lines:
            answers.append(await collect(lines, seconds=1.0, least=1))
    async with stream(world, own.admin, DOCUMENTS["campaignProgress"], id=own.ids["camp"][0]) as ok:
        seen = await collect(ok, seconds=1.0, least=1)

    assert _without_ids(answers[0]) == _without_ids(answers[1])
    assert look_for(other, answers[0]) is None
    assert own.canary.encode() in seen


async def until_subscribed(world: World, brand: Brand) -> None:
    async with asyncio.timeout(15):
        while brand.id not in world.apps.feed._listeners:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)


def _without_ids(answer: bytes) -> list[Any]:
    found = []
    for line in answer.splitlines():
        if line.startswith(b"data: {"):
            told = json.loads(line[6:])
            for error in told.get("errors", ()):
                error.get("extensions", {}).pop("requestId", None)
            found.append(told)
    assert found
    return found
