"""Every field of the gateway's root types, asked with every id and word of another brand.

What the SDL lists is what is asked; fields of types are all asked for somewhere on the way.
"""

import random

from tests.isolation import report
from tests.isolation.brand import Brand
from tests.isolation.filters import filters_removed
from tests.isolation.given_graph import DEEP
from tests.isolation.graph import GraphAsker
from tests.isolation.probing import Findings, look_for
from tests.isolation.sdl import all_fields, fields_of, list_operations
from tests.isolation.world import World

Sides = tuple[Brand, Brand]

OF_STREAMS = {
    f"LeadChange.{name}"
    for name in ("id", "type", "occurredAt", "lead", "staff", "unit", "advocate")
}
"""Asked for in test_streams.py."""
VARIABLES = ("lead", "transfer", "contact", "post", "acct", "staff", "unit", "advocate")


async def ask_everything(world: World, sides: Sides, what: str, *kinds: str) -> GraphAsker:
    own, other = sides
    findings = Findings()
    asker = GraphAsker(world, own, other, findings, report.IS_LONG, random.Random(own.canary))
    operations = list_operations(*kinds)
    for operation in operations:
        await asker.probe(operation)
    assert findings.covered == {operation.name for operation in operations}
    report.note(
        f"GraphQL, {what}: {len(findings.covered)} root fields, {len(asker.visited)} fields of "
        f"types, {findings.probes} probes, {findings.requests} requests, {other.looked_for}; "
        f"seen {len(findings.seen)}, told apart {len(findings.told_apart)}, "
        f"5xx {len(findings.broken)}"
    )
    findings.check()
    return asker


async def test_nothing_of_another_brand_is_seen_or_changed(world: World, sides: Sides) -> None:
    own, other = sides
    asker = await ask_everything(world, sides, "as it is", "query", "mutation")
    for name, document in DEEP.items():
        answers = [
            await world.ask(own.admin, document, {kind: brand.ids[kind][0] for kind in VARIABLES})
            for brand in (own, other)
        ]
        assert look_for(own, answers[0].content), (name, answers[0].text)
        assert look_for(other, answers[1].content) is None, name
    deep = {name for document in DEEP.values() for name in fields_of(document)}
    assert all_fields() - asker.visited - deep - OF_STREAMS == set()


async def test_row_level_security_alone_keeps_brands_apart(world: World, sides: Sides) -> None:
    with filters_removed():
        await ask_everything(world, (sides[1], sides[0]), "filters removed", "query", "mutation")
