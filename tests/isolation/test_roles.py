"""Every operation as every role, against the one matrix that people read: docs/access.md."""

import asyncio
import random

import pytest

from shared.access import Role
from tests.isolation import openapi, report, sdl
from tests.isolation.brand import Brand
from tests.isolation.roles import NO, Looker, Row, read_matrix
from tests.isolation.test_streams import DOCUMENTS, collect, stream
from tests.isolation.world import World

ROLES_IN_SHORT = 3


@pytest.fixture(scope="module")
def matrix() -> dict[str, Row]:
    return read_matrix()


def test_every_operation_has_a_row_and_no_other_has(matrix: dict[str, Row]) -> None:
    rest = {operation.name for operation in openapi.list_operations()}
    graph = {each.name for each in sdl.list_operations("query", "mutation", "subscription")}

    assert matrix.keys() == rest | graph


async def test_rest_is_as_the_matrix_says(
    world: World, brands: tuple[Brand, Brand], matrix: dict[str, Row]
) -> None:
    looker = Looker(world, brands[0])
    found = {each.name: await looker.row(each) for each in openapi.list_operations()}

    report.note(f"roles: {len(found)} REST operations x {len(Role)} roles")
    assert [wrong for name, row in found.items() if (wrong := differing(name, row, matrix))] == []


async def test_graphql_is_as_the_matrix_says(
    world: World, brands: tuple[Brand, Brand], matrix: dict[str, Row]
) -> None:
    """In the short form some roles for each field: the services decide, and were asked above."""
    chance = random.Random(11)
    looker = Looker(world, brands[0])
    found = {}
    for operation in sdl.list_operations("query", "mutation"):
        roles = tuple(Role) if report.IS_LONG else tuple(chance.sample(list(Role), ROLES_IN_SHORT))
        found[operation.name] = await looker.graph_row(operation, roles)

    report.note(f"roles: {len(found)} GraphQL root fields x {len(Role)} roles")
    assert [wrong for name, row in found.items() if (wrong := differing(name, row, matrix))] == []


def differing(name: str, row: Row, matrix: dict[str, Row]) -> str | None:
    wrong = {role: cell for role, cell in row.items() if matrix[name][role] != cell}
    return f"{name}: {wrong}" if wrong else None


@pytest.mark.parametrize("field", DOCUMENTS)
async def test_subscriptions_are_refused_as_the_matrix_says(
    world: World, brands: tuple[Brand, Brand], matrix: dict[str, Row], field: str
) -> None:
    """What is streamed to whom: test_streams.py."""
    brand = brands[0]
    roles = tuple(Role)

    async def is_refused(role: Role) -> bool:
        variables = {"id": brand.ids["camp"][0]} if field == "campaignProgress" else {}
        async with stream(world, brand.acting(role), DOCUMENTS[field], **variables) as lines:
            told = await collect(lines, seconds=2.0)
        return b"not_allowed" in told

    refused = await asyncio.gather(*map(is_refused, roles))

    expected = [matrix[f"subscription {field}"][role] == NO for role in roles]
    assert dict(zip(roles, refused, strict=True)) == dict(zip(roles, expected, strict=True))
