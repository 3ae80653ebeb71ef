"""Somebody leaves: three services and a platform hand everything on, seen through the gateway."""

from pathlib import Path
from typing import Any

from account_svc.use_cases.handover_steps import STEP, handover_timers
from content_svc.connectors.http import create_client
from content_svc.use_cases.customers import WORK
from content_svc.worker import timer_handlers
from deploy.local.process import find_free_port
from lead_svc.models.offer import WITHDRAW
from lead_svc.use_cases.handovers import INHERIT
from lead_svc.worker import offer_timers
from shared.access import Role
from shared.clock import now
from shared.timers import Due, TimerHandler
from tests.content_svc.sandbox import CORP_ID, run_sandbox
from tests.isolation.brand import Brand, uuid_of
from tests.isolation.world import World

OPEN = """mutation($input: OpenHandoverInput!) { openHandover(input: $input) {
  ... on Handover { id status } ... on Problem { code message } } }"""
START = """mutation($input: OnOne!) { startHandover(input: $input) {
  ... on Handover { status } ... on Problem { code message } } }"""
OWN = """mutation($input: StateOwnershipInput!) { stateOwnership(input: $input) {
  ... on Account { ownership } ... on Problem { code message } } }"""
READ = """query($id: ID!, $leaver: ID!, $taker: ID!) {
  handover(id: $id) { status progress { kind status things } }
  left: accounts(staffId: $leaver) { nodes { platform status } }
  taken: accounts(staffId: $taker) { nodes { platform status } }
  leads(staffId: $taker, status: ACCEPTED) { nodes { id } }
  transfers(staffId: $taker) { nodes { step status } } }"""


async def test_a6_accounts_customers_leads_and_contacts_of_a_leaver_go_to_the_taker(
    world: World, brands: tuple[Brand, Brand], tmp_path: Path
) -> None:
    brand = brands[0]
    leaver = brand.east.staff

    async def ask(document: str, **variables: Any) -> Any:
        answer = (await world.ask(brand.admin, document, variables)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def make(path: str, body: Any) -> Any:
        answer = await world.send("account", brand.admin, "POST", path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def ring(handler: TimerHandler, kind: str, typed_or_uuid: Any) -> None:
        subject = uuid_of(typed_or_uuid) if isinstance(typed_or_uuid, str) else typed_or_uuid
        await handler(Due(brand.id, kind, subject, now(), 0))
        await world.settle(brand.id)

    taker = await make(
        "/staff", {"unit_id": brand.east.unit, "code": "taker", "name": "周宁", "phone": None}
    )
    account = {
        "platform": "wecom",
        "handle": "wc-taker",
        "display_name": "周宁",
        "domain": "private",
        "seat": "kos",
        "unit_id": brand.east.unit,
        "staff_id": taker["id"],
        "status": "active",
    }
    await make("/accounts", account)
    for account_id in brand.east.accounts:
        owned = {"id": account_id, "ownership": "BRAND_MADE", "reference": "合同第7条"}
        await ask(OWN, input=owned)
    app = {"platform": "wecom", "corp_id": CORP_ID, "secret": "wecom"}
    await world.send("content", brand.admin, "POST", "/authorizations", json=app)
    await world.settle(brand.id)
    keys = world.site.account.audit_key_file.read_bytes()

    async with (
        run_sandbox(tmp_path, find_free_port()) as sandbox,
        create_client(5.0) as platforms,
    ):
        await sandbox.reset()
        content = timer_handlers(
            world.site.content.model_copy(update={"wecom_url": sandbox.url}),
            world.sessions["content"],
            platforms,
        )
        account_timers = handover_timers(world.sessions["account"], keys[:32])
        lead_timers = offer_timers(world.sessions["lead"], keys[:32])
        opened = (await ask(OPEN, input={"staffId": leaver, "takerIds": [taker["id"]]}))[
            "openHandover"
        ]
        await world.settle(brand.id)
        async with world.database("content") as connection:
            books = await connection.fetch(
                "select id from customer_book where brand_id = $1", brand.id
            )
        for book in books:
            await ring(content[WORK], WORK, book["id"])
        planned = await ask(READ, id=opened["id"], leaver=leaver, taker=taker["id"])
        started = (await ask(START, input={"id": opened["id"]}))["startHandover"]
        await world.settle(brand.id)
        await ring(account_timers[STEP], STEP, opened["id"])
        for book in books:
            await ring(content[WORK], WORK, book["id"])
        async with world.database("lead") as connection:
            offers = await connection.fetch(
                "select subject_id as id from timer where brand_id = $1 and kind = $2",
                brand.id,
                WITHDRAW,
            )
        for offer in offers:
            await ring(lead_timers[WITHDRAW], WITHDRAW, offer["id"])
        for _ in range(4):
            await ring(lead_timers[INHERIT], INHERIT, opened["id"])
        await sandbox.post("/sandbox/clock", {"advance_seconds": 86_401})
        async with world.database("content") as connection:
            await connection.execute("update moving_customer set look_at = now()")
        for book in books:
            await ring(content[WORK], WORK, book["id"])
        for _ in range(2):
            await ring(account_timers[STEP], STEP, opened["id"])

    read = await ask(READ, id=opened["id"], leaver=leaver, taker=taker["id"])
    seller = brand.acting(Role.KOS, store=brand.east)
    hidden = await world.ask(seller, READ, {"id": opened["id"], "leaver": leaver, "taker": leaver})
    (waiting,) = [
        each["things"] for each in planned["handover"]["progress"] if each["kind"] == "DRAFTS"
    ]
    assert waiting > 0
    assert (opened["status"], started["status"]) == ("GATHERING", "RUNNING")
    assert read["handover"]["status"] == "DONE"
    assert {
        each["kind"]: (each["status"], each["things"]) for each in read["handover"]["progress"]
    } == {
        "ACCOUNT": ("DONE", 3),
        "DRAFTS": ("DONE", waiting),
        "CUSTOMER": ("DONE", 3),
        "COMMUNITY": ("DONE", 1),
        "LEADS": ("DONE", 2),
        "CONTACTS": ("DONE", 3),
    }
    assert read["transfers"]["nodes"] == [{"step": "STAGE_1_DONE", "status": "OPEN"}]
    assert read["left"]["nodes"] == [{"platform": "WECOM", "status": "RETIRED"}]
    assert sorted((each["platform"], each["status"]) for each in read["taken"]["nodes"]) == [
        ("DOUYIN", "HANDED_OVER"),
        ("WECOM", "ACTIVE"),
        ("XIAOHONGSHU", "HANDED_OVER"),
    ]
    assert "not_allowed" in hidden.text
