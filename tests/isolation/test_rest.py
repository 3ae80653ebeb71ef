"""Every REST operation of the services, asked with every id and word of another brand.

What the documents list is what is asked: a new operation is asked from the day it is there, and
fails this test until a request of it works (`SPECIAL` in openapi.py says what it needs).
"""

import random

from shared.access import Role
from tests.isolation import report
from tests.isolation.brand import Brand
from tests.isolation.filters import filters_removed
from tests.isolation.openapi import list_operations
from tests.isolation.probing import Findings, look_for, probes_of_words
from tests.isolation.rest import Asker
from tests.isolation.world import World

Sides = tuple[Brand, Brand]


async def ask_everything(world: World, sides: Sides, what: str) -> Findings:
    own, other = sides
    findings = Findings()
    asker = Asker(world, own, other, findings, report.IS_LONG, random.Random(own.canary))
    for operation in list_operations():
        await asker.probe(operation)
    assert findings.covered == {operation.name for operation in list_operations()}
    report.note(
        f"REST, {what}: {len(findings.covered)} operations, {findings.probes} probes, "
        f"{findings.requests} requests, {other.looked_for}; seen {len(findings.seen)}, "
        f"told apart {len(findings.told_apart)}, 5xx {len(findings.broken)}"
    )
    findings.check()
    return findings


async def test_nothing_of_another_brand_is_seen_or_changed(world: World, sides: Sides) -> None:
    await ask_everything(world, sides, "as it is")


async def test_row_level_security_alone_keeps_brands_apart(world: World, sides: Sides) -> None:
    with filters_removed() as removed:
        await ask_everything(world, (sides[1], sides[0]), "filters removed")

    report.note(f"REST, filters removed: {len(removed.statements)} statements were changed")
    # nearly every statement has one; far fewer would mean that the removal no longer fits
    assert len(removed.statements) > 70


async def test_a_row_of_an_import_that_names_a_unit_of_another_brand_is_refused(
    world: World, sides: Sides
) -> None:
    own, other = sides
    findings = Findings()
    (probe,) = [probe for probe in probes_of_words(other) if probe.kind == "code"]
    answers = [
        await world.send(
            "account",
            own.admin,
            "POST",
            "/imports/staff",
            content=f"code,unit_code,name\nx-1,{word},x\n".encode(),
            headers={"content-type": "text/csv"},
        )
        for word in (probe.foreign, probe.never)
    ]

    findings.take("imports", probe, own, other, answers)

    findings.check()
    assert [answer.json()["rows_refused"] for answer in answers] == [1, 1]


async def test_another_brands_idempotency_key_replays_nothing(world: World, sides: Sides) -> None:
    own, other = sides
    body = {"kind": "topic_expert", "name": other.canary}
    key = {"idempotency-key": f"key-of-{other.canary}"}
    first = await world.send("account", other.admin, "POST", "/personas", json=body, headers=key)

    answer = await world.send(
        "account", own.admin, "POST", "/personas", json={**body, "name": "mine"}, headers=key
    )

    assert (first.status_code, answer.status_code) == (201, 201)
    assert "idempotency-replayed" not in answer.headers
    assert look_for(other, answer.content) is None
    assert own.acting(Role.BRAND_ADMIN).brand_id != other.id
