"""The workers that hand a leaver's estate over are killed: everybody is moved once, nobody lost."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.local.databases import Service
from deploy.local.demo import setup
from deploy.local.demo.brand import PERSONAS, Seller, account_rows, staff_rows
from deploy.local.demo.catching_up import wait_until_caught_up
from deploy.local.demo.client import Client, until
from deploy.local.parts import Part
from deploy.local.process import find_free_port
from shared.ids import parse_id, typed, uuid7
from tests.content_svc.sandbox import CORP_ID, Sandbox, run_sandbox
from tests.e2e.small_brand import import_rows, list_all
from tests.e2e.stack import Running
from tests.e2e.topics import assert_gapless, read_topics

# a restart on a busy machine takes several seconds, and there are several
pytestmark = pytest.mark.timeout(180)

CUSTOMERS = 400
GROUPS = 30
HANDLES = ("estate_leaver", "estate_taker_1", "estate_taker_2")
WORKERS: tuple[Service, ...] = ("account", "content")
READ = """query($id: ID!) { handover(id: $id) { status progress { kind status items } }
  handoverItems(handoverId: $id, first: 100) { nodes { kind attempts refusal } } }"""


@dataclass(frozen=True)
class Estate:
    """A leaver with customers and groups on a platform of their own, whose clock may be put on."""

    running: Running
    client: Client
    sandbox: Sandbox
    ledger: Path
    staff: list[str]

    async def kill(self) -> int:
        """Kill both workers; they are there again at once, and the claims of the dead have run
        out. How many moves were being asked for when they died."""
        for service in WORKERS:
            nursery = psutil.Process(self.running.child(f"{service}_worker").process.pid)
            for child in nursery.children():
                child.kill()
        asking = await self.count(
            "select count(*) from moving_customer where brand_id = $1 and status = 'asking'"
        )
        await self.ring("claimed_until = null")
        # who finds the lease of a dead refresher tries again a minute later
        await self.running.fetch(
            "content",
            "update platform_authorization set lease_until = null where brand_id = $1 returning 1",
            parse_id("brand", self.client.brand_id),
        )
        return asking

    async def start(self) -> None:
        """Start the workers in the nursery."""
        for service in WORKERS:
            self.running.kill(f"{service}_worker")
        await asyncio.gather(
            *(self.running.start(f"{service}_worker", self._rewrite) for service in WORKERS)
        )

    async def ring(self, change: str) -> None:
        brand_id = parse_id("brand", self.client.brand_id)
        for service in WORKERS:
            await self.running.fetch(
                service, f"update timer set {change} where brand_id = $1 returning 1", brand_id
            )

    async def a_day_later(self) -> None:
        await self.sandbox.post("/sandbox/clock", {"advance_seconds": 86_401})
        await self.running.fetch(
            "content",
            "update moving_customer set look_at = now()"
            " where brand_id = $1 and look_at is not null returning 1",
            parse_id("brand", self.client.brand_id),
        )
        await self.ring("due_at = now()")

    async def count(self, statement: str) -> int:
        """Of the brand's rows at content_svc."""
        brand_id = parse_id("brand", self.client.brand_id)
        [(number,)] = await self.running.fetch("content", statement, brand_id)
        return int(number)

    def moves(self, table: str, column: str) -> Counter[str]:
        """What the platform moved, by its own ledger."""
        with closing(sqlite3.connect(self.ledger)) as db:
            return Counter(name for (name,) in db.execute(f"select {column} from {table}"))

    def _rewrite(self, part: Part) -> Part:
        python, _, *module = part.command
        return replace(
            part,
            command=[python, "-u", "-m", "tests.chaos.inject", "forked", *module],
            env=part.env | {"CONTENT_WECOM_URL": self.sandbox.url},
        )


@pytest.fixture
async def estate(running: Running, tmp_path: Path) -> AsyncIterator[Estate]:
    brand_id = typed("brand", uuid7())
    async with (
        run_sandbox(tmp_path, find_free_port()) as sandbox,
        Client(running.urls, brand_id) as client,
    ):
        for handles, customers, groups in ((HANDLES[:1], CUSTOMERS, GROUPS), (HANDLES[1:], 0, 0)):
            corp = {"customers_per_member": customers, "groups_per_member": groups}
            await sandbox.client.put(
                f"/sandbox/apps/wecom/{CORP_ID}", json={"secret": "wecom", **corp}
            )
            accounts = [
                {"platform": "wecom", "handle": each, "app_id": CORP_ID} for each in handles
            ]
            await sandbox.post("/sandbox/accounts", {"accounts": accounts})
        made = Estate(running, client, sandbox, tmp_path / "sandbox.db", [])
        try:
            await asyncio.gather(made.start(), _people(client, made.staff))
            await wait_until_caught_up(running.urls.kafka_bootstrap)
            yield made
        finally:
            for service in WORKERS:
                running.kill(f"{service}_worker")
            await asyncio.gather(*(running.start(f"{each}_worker") for each in WORKERS))


async def _people(client: Client, staff: list[str]) -> None:
    await setup.create_brand(client)
    people = [
        Seller(
            code=f"K{number}",
            store_code="S-E-1",
            store="上海1店",
            city="上海",
            name="陈芳",
            phone=f"1970000{number:04}",
            platform="wecom",
            handle=handle,
            display_name=f"选车顾问{number}",
            persona_kind=PERSONAS[0][0],
        )
        for number, handle in enumerate(HANDLES)
    ]
    units: list[dict[str, object]] = [{"code": "S-E-1", "kind": "store", "name": "上海1店"}]
    files = {"units": units, "staff": staff_rows(people), "accounts": account_rows(people)}
    for kind, rows in files.items():
        report = await import_rows(client, kind, rows)
        assert (report["rows_added"], report["rows_refused"]) == (len(rows), 0), report
    app = {"platform": "wecom", "corp_id": CORP_ID, "secret": "wecom"}
    await client.send("POST", f"{client.urls.content}/authorizations", json=app)
    by_code = {row["code"]: row["id"] for row in await list_all(client, "staff", "id code")}
    staff += [by_code[person.code] for person in people]


async def test_a6_workers_killed_in_a_handover_move_everybody_once_and_break_no_limit(
    running: Running, estate: Estate
) -> None:
    client, (leaver, *takers) = estate.client, estate.staff
    for route in ("*/transfer_customer", "*/transfer_result", "*/externalcontact/list"):
        await estate.sandbox.fault("delay", route, delay_seconds=0.2)
    plan = {"staffId": leaver, "takerIds": takers}
    handover = (await client.mutate("openHandover", "Handover", "id", plan))["id"]

    async def read() -> Any:
        return await client.query(READ, {"id": handover})

    async def is_planned() -> bool:
        return bool((await read())["handover"]["status"] == "PLANNED")

    async def is_listing() -> bool:
        return await estate.count("select count(*) from customer_book where brand_id = $1") > 0

    await until("the customers are being listed", is_listing, every=0.05)
    await estate.kill()
    await until("the plan is made", is_planned)
    await client.mutate("startHandover", "Handover", "id", {"id": handover}, input_type="OnOne")
    interrupted = 0
    for share in (1, 200):

        async def have_been_asked_for(share: int = share) -> bool:
            return estate.moves("transfer", "external_userid").total() >= share

        await until(f"{share} customers are asked for", have_been_asked_for, every=0.02)
        interrupted += await estate.kill()

    async def all_are_waiting() -> bool:
        moving = {"kind": "CUSTOMER", "status": "MOVING", "items": CUSTOMERS}
        return moving in (await read())["handover"]["progress"]

    await until("every customer has been asked for", all_are_waiting)

    async def some_have_moved() -> bool:
        return (
            await estate.count(
                "select count(*) from moving_customer where brand_id = $1 and status = 'answered'"
                " and kind = 'customer'"
            )
            > 0
        )

    await estate.a_day_later()
    await until("somebody is looked up", some_have_moved, every=0.02)
    await estate.kill()

    async def is_done() -> bool:
        return bool((await read())["handover"]["status"] == "DONE")

    await until("nothing is open any more", is_done)

    found = await read()
    moved = estate.moves("transfer", "external_userid")
    given = estate.moves("group_move", "chat_id")
    assert interrupted > 0, "no call was on its way when a worker died"
    assert (len(moved), set(moved.values())) == (CUSTOMERS, {1})
    assert (len(given), set(given.values())) == (GROUPS, {1})
    assert {
        each["kind"]: (each["status"], each["items"]) for each in found["handover"]["progress"]
    } == {
        "ACCOUNT": ("DONE", 1),
        "COMMUNITY": ("DONE", GROUPS),
        "CONTACTS": ("DONE", 1),
        "CUSTOMER": ("DONE", CUSTOMERS),
        "DRAFTS": ("DONE", 1),
        "LEADS": ("DONE", 1),
    }
    # the platform refused nothing: nobody was asked for who could not be moved then
    nodes = found["handoverItems"]["nodes"]
    assert {(each["attempts"], each["refusal"]) for each in nodes} == {(1, None)}
    followed = estate.moves("follow", "userid")
    assert followed.keys() == set(HANDLES[1:])
    assert followed.total() == CUSTOMERS
    assert max(followed.values()) - min(followed.values()) <= 100
    await wait_until_caught_up(running.urls.kafka_bootstrap)
    announced = await read_topics(
        running.urls.kafka_bootstrap,
        ["kos.handover", "kos.customers", "kos.content_handover"],
        brand_id=client.brand_id,
    )
    assert_gapless(announced)
