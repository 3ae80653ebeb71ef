"""Half of the requests break off somewhere in the middle: no connection keeps a brand for the next.

Requests of both brands share the pools of one process. What is cancelled is the task that serves
the request, which is worse than a caller who goes away.
"""

import asyncio
import random

from sqlalchemy import text

from deploy.local.databases import SERVICES
from shared.access import Role
from tests.isolation import report
from tests.isolation.brand import Brand
from tests.isolation.openapi import Operation, list_operations, request_of
from tests.isolation.probing import Findings, look_for, undone
from tests.isolation.rest import Asker
from tests.isolation.roles import NO, read_matrix
from tests.isolation.world import World

ROUNDS = 12 if report.IS_LONG else 1
AT_ONCE = 16
ADMINS = (Role.BRAND_ADMIN, Role.PLATFORM_ADMIN)
"""One of them may ask each operation (docs/access.md)."""
SETTING = text("select current_setting('app.brand', true)")
LONGEST_SECONDS = 0.05


async def test_a_request_that_breaks_off_leaves_no_brand_behind(
    world: World, brands: tuple[Brand, Brand]
) -> None:
    chance = random.Random(7)
    operations = list_operations()
    matrix = read_matrix()
    askers = []
    for own, other in (brands, brands[::-1]):
        asker = Asker(world, own, other, Findings(), False, chance)
        asker.allowed = {
            each.name: own.acting(next(role for role in ADMINS if matrix[each.name][role] != NO))
            for each in operations
        }
        askers.append(asker)
    counts = {"cancelled": 0, "answered": 0}
    room = asyncio.Semaphore(AT_ONCE)

    async def ask(asker: Asker, operation: Operation, cancel_after: float | None) -> None:
        request = request_of(operation, asker.own)
        async with room:
            sending = asyncio.create_task(asker.send(request, asker.allowed[operation.name]))
            if cancel_after is not None:
                await asyncio.wait([sending], timeout=cancel_after)
                sending.cancel()
            try:
                answer = await sending
            except asyncio.CancelledError:
                counts["cancelled"] += 1
                return
        counts["answered"] += 1
        assert answer.status_code < 500, (operation.name, answer.text)
        shown = look_for(asker.other, answer.content)
        assert shown is None, (operation.name, shown)

    with undone():
        for _ in range(ROUNDS):
            work = [
                ask(asker, operation, chance.uniform(0, LONGEST_SECONDS) if is_cut else None)
                for asker in askers
                for operation in operations
                for is_cut in (True, False)
            ]
            chance.shuffle(work)
            await asyncio.gather(*work)

    report.note(
        f"cancelled: {counts['cancelled']} requests broke off, {counts['answered']} did not"
    )
    assert counts["cancelled"] > len(operations) // 2
    for service in SERVICES:
        assert await find_left_open(world, service) == []
        assert await find_brands_in_pool(world, service) == set()


async def find_left_open(world: World, service: str) -> list[str]:
    """Transactions of the service that are open though nobody asks anything."""
    await asyncio.sleep(0.2)
    async with world.database("account") as connection:
        rows = await connection.fetch(
            "select state, query from pg_stat_activity "
            "where usename = $1 and state like 'idle in transaction%'",
            f"kos_{service}_app",
        )
    return [f"{row['state']}: {row['query']}" for row in rows]


async def find_brands_in_pool(world: World, service: str) -> set[str]:
    """The brands that pooled connections hold between two requests."""
    found = set()
    state = world.apps.states[service]
    for _ in range(5):
        async with state["reads"].acquire() as connection:
            found.add(await connection.fetchval("select current_setting('app.brand', true)"))
    sessions = [state["sessions"]() for _ in range(5)]
    for session in sessions:
        found.add((await session.execute(SETTING)).scalar())
    for session in sessions:
        await session.close()
    return found - {None, ""}
