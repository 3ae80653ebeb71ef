"""The main job (docs/architecture.md): from an empty brand to a paid deal and a voided one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from deploy.local.demo import brand, setup, summary
from deploy.local.demo.catching_up import wait_until_caught_up
from deploy.local.demo.client import Client, DemoFailed, until
from deploy.local.settings import StackUrls

HANDOFFS_CONFIRMED = 60
CONSUMERS = 400
DEALS = 8
OFFER_MINUTES = 0.3
_DEAL_FEN = 168_800_00
_PAGE = 100
_PLAIN: dict[str, Any] = {"highlight": False, "soft_wrap": True}


async def play(urls: StackUrls, console: Console) -> None:
    """Play it once, saying what happens; then the funnel, the race and one explanation.

    Played again, it goes on with the brand that is there: another campaign, other consumers.
    Raises DemoFailed, naming the step that did not do what it should.
    """
    async with Client(urls) as client:
        if await setup.is_complete(client):
            api_key = await setup.create_scrm_key(client)
        else:
            api_key = await _found(client, console)
        round_number = await _count_campaigns(client) + 1
        code = f"e5-round-{round_number}"
        with _step(console, "campaign") as done:
            campaign_id = await setup.launch_campaign(client, code)
            counts = await _wait_for_posts(client, campaign_id)
            done(
                f"{counts['planned']} drafts checked, {counts['held']} held, "
                f"{counts['published']} published, {counts['handedOff']} handed to sellers"
            )
        console.print(f"    held: {await _why_held(client, campaign_id)}", **_PLAIN)
        with _step(console, "handoffs") as done:
            confirmed = await _confirm_handoffs(client, campaign_id)
            done(f"{confirmed} sellers published by hand and proved it with the link")
        with _step(console, "consumers") as done:
            await wait_until_caught_up(urls.kafka_bootstrap)
            captured = (await _funnel(client))["captured"]
            wave = await _run_consumers(client, code, seed=brand.SEED + round_number)
            expected = wave["expected"]
            await _wait_for_leads(client, captured + expected["leads"])
            done(
                f"{expected['deliveries']} signed hooks ({expected['duplicates']} repeats) "
                f"made {expected['leads']} leads of {expected['people']} people"
            )
        with _step(console, "sellers") as done:
            silent = await _answer_offers(client)
            done(f"offers accepted; one seller stayed silent, lead {silent['leadId']} moved on")
        with _step(console, "deals") as done:
            won, voided = await _close_deals(client, api_key)
            done(f"{won} deals won, {voided} voided; the ledger followed")
        with _step(console, "SCRM") as done:
            await wait_until_caught_up(urls.kafka_bootstrap)
            ledger = await _wait_for_scrm(client)
            done(
                f"{ledger['unique']} events delivered, {ledger['bad_signatures']} bad signatures, "
                f"{ledger['out_of_order']} out of order"
            )
        await summary.show(client, campaign_id, silent["leadId"], console)


async def _found(client: Client, console: Console) -> str:
    """What a new brand needs once: people, platforms, rules; the key of its SCRM system."""
    people = brand.sellers()
    with _step(console, "brand") as done:
        await setup.create_brand(client)
        reports = await setup.import_matrix(client, people)
        done(
            f"{reports['units']['rows_added']} units, "
            f"{reports['staff']['rows_added']} sellers, "
            f"{reports['accounts']['rows_added']} accounts imported"
        )
    with _step(console, "platforms") as done:
        await wait_until_caught_up(client.urls.kafka_bootstrap)
        await setup.join_platforms(client, people)
        done(f"{len(setup.CONNECTED)} hook connections, every account authorised")
    with _step(console, "rules") as done:
        await setup.set_rules(client, offer_minutes=OFFER_MINUTES)
        scrm = await setup.subscribe_scrm(client)
        done("rewards, routing and an SCRM subscriber are set")
    return scrm.api_key


async def _count_campaigns(client: Client) -> int:
    data = await client.query("{ campaigns(first: 100) { edges { node { id } } } }")
    return len(data["campaigns"]["edges"])


@contextmanager
def _step(console: Console, name: str) -> Iterator[Any]:
    """Say that a step runs, and what came of it."""
    started = time.monotonic()
    lines: list[str] = []
    with console.status(f"{name} …"):
        yield lines.append
    seconds = time.monotonic() - started
    console.print(f"[green]✓[/] {name}: {lines[-1]} [dim]{seconds:.1f} s[/]", **_PLAIN)


async def _wait_for_posts(client: Client, campaign_id: str) -> dict[str, int]:
    counts: dict[str, int] = {}

    async def settled() -> bool:
        nonlocal counts
        data = await client.query(
            "query($id: ID!) { campaign(id: $id) { status counts "
            "{ planned held scheduled handedOff published failed withdrawn } } }",
            {"id": campaign_id},
        )
        counts = data["campaign"]["counts"]
        out = sum(counts[name] for name in ("held", "handedOff", "published", "failed"))
        return counts["planned"] > 0 and out >= counts["planned"]

    await until("every post of the campaign is out", settled, seconds=240, every=1)
    return counts


async def _why_held(client: Client, campaign_id: str) -> str:
    data = await client.query(
        "query($id: ID!) { drafts(first: 1, campaignId: $id, status: HELD) { edges { node { "
        "account { displayName } findings { ruleId matched suggestion basis } } } } }",
        {"id": campaign_id},
    )
    draft = data["drafts"]["edges"][0]["node"]
    finding = draft["findings"][0]
    return (
        f"{draft['account']['displayName']} — {finding['ruleId']}「{finding['matched']}」"
        f"{finding['basis']}：{finding['suggestion']}"
    )


async def _confirm_handoffs(client: Client, campaign_id: str) -> int:
    """Some sellers publish what was handed to them on the sandbox's platform and send the link."""
    data = await client.query(
        "query($id: ID!, $first: Int!) { posts(first: $first, campaignId: $id, "
        "status: HANDED_OFF) { edges { node { id platform handoff { title text } "
        "account { handle } } } } }",
        {"id": campaign_id, "first": HANDOFFS_CONFIRMED},
    )
    posts = [edge["node"] for edge in data["posts"]["edges"]]
    for post in posts:
        published = await publish_by_hand(client, post)
        await client.mutate(
            "confirmHandoff", "Post", "id status", {"id": post["id"], "url": published["url"]}
        )
    return len(posts)


async def publish_by_hand(client: Client, post: dict[str, Any]) -> dict[str, Any]:
    """What was handed to a seller appears on the sandbox's platform; its `url` is the proof.

    `post` has `platform`, `account { handle }` and `handoff { title text }`.
    """
    published: dict[str, Any] = await client.send(
        "POST",
        f"{client.urls.sandbox}/sandbox/publish-handoff",
        json={
            "platform": post["platform"].lower(),
            "account_handle": post["account"]["handle"],
            "title": post["handoff"]["title"] or "",
            "text": post["handoff"]["text"],
            "media_type": "image",
        },
    )
    return published


async def _run_consumers(client: Client, code: str, *, seed: int) -> dict[str, Any]:
    """A seeded wave of consumers; the same people and the same faults on every machine."""
    sandbox = client.urls.sandbox
    for kind, probability in (("duplicate", 0.1), ("reorder", 0.1)):
        await client.send(
            "POST",
            f"{sandbox}/sandbox/faults",
            json={
                "direction": "hooks",
                "kind": kind,
                "probability": probability,
                "seed": seed,
            },
        )
    wave: dict[str, Any] = await client.send(
        "POST",
        f"{sandbox}/sandbox/population/run",
        json={"seed": seed, "consumers": CONSUMERS, "campaign": code},
    )
    await client.send("DELETE", f"{sandbox}/sandbox/faults")
    return wave


async def _funnel(client: Client) -> dict[str, Any]:
    data = await client.query("{ funnel { leads { captured qualified offered accepted pooled } } }")
    funnel: dict[str, Any] = data["funnel"]["leads"]
    return funnel


async def _wait_for_leads(client: Client, expected: int) -> None:
    async def routed() -> bool:
        funnel = await _funnel(client)
        return bool(
            funnel["captured"] >= expected
            and funnel["offered"] + funnel["pooled"] >= funnel["captured"]
        )

    await until(f"{expected} leads are captured and routed", routed, seconds=120, every=0.5)


async def _answer_offers(client: Client) -> dict[str, str]:
    """Every seller accepts, but the first; that lead and its first seller are returned."""
    silent: dict[str, str] = {}

    async def open_offers() -> list[dict[str, Any]]:
        data = await client.query(
            "query($first: Int!) { offers(first: $first, status: OPEN) "
            "{ edges { node { id attempt lead { id } staff { id } } } } }",
            {"first": _PAGE},
        )
        return [edge["node"] for edge in data["offers"]["edges"]]

    async def all_answered() -> bool:
        offers = await open_offers()
        if not silent and offers:
            silent.update(leadId=offers[0]["lead"]["id"], staffId=offers[0]["staff"]["id"])
        waiting = False
        for offer in offers:
            staff_id = offer["staff"]["id"]
            if offer["lead"]["id"] == silent["leadId"] and staff_id == silent["staffId"]:
                waiting = True
                continue
            answer = await client.attempt(
                "acceptLead",
                "Lead",
                "id",
                {"id": offer["lead"]["id"], "idempotencyKey": f"accept-{offer['id']}"},
                token=client.token("kos", staff_id),
            )
            # On a slow machine an offer may run out before its turn comes.
            if answer.get("code") not in (None, "offer_expired"):
                raise DemoFailed(f"acceptLead was refused: {answer}")
        return not offers and not waiting

    await until("every offer is answered", all_answered, seconds=120, every=0.5)
    return silent


async def _close_deals(client: Client, api_key: str) -> tuple[int, int]:
    """Some leads become deals; the SCRM moves their stage; one deal comes to nothing."""
    data = await client.query(
        "query($first: Int!) { leads(first: $first, status: ACCEPTED) "
        "{ edges { node { id contact { id stage } } } } }",
        {"first": _PAGE},
    )
    # Two leads of one person are one journey; an earlier round may have moved it on.
    by_contact = {
        edge["node"]["contact"]["id"]: edge["node"]
        for edge in data["leads"]["edges"]
        if edge["node"]["contact"]["stage"] == "INTENT"
    }
    deals = []
    for lead in list(by_contact.values())[:DEALS]:
        await client.mutate(
            "moveContactStage",
            "Contact",
            "id stage",
            {
                "id": lead["contact"]["id"],
                "stage": "ADVICE",
                "idempotencyKey": f"stage-{lead['id']}",
            },
            token=api_key,
        )
        deal = await client.mutate(
            "winDeal",
            "Deal",
            "id",
            {
                "leadId": lead["id"],
                "amountMinor": _DEAL_FEN,
                "currency": "CNY",
                "idempotencyKey": f"deal-{lead['id']}",
            },
        )
        deals.append(deal["id"])
    await client.mutate(
        "voidDeal",
        "Deal",
        "id status",
        {"id": deals[0], "reason": "customer withdrew within the cooling-off period"},
        input_type="OnOneWithReason",
    )
    await wait_until_caught_up(client.urls.kafka_bootstrap)
    return len(deals), 1


async def _wait_for_scrm(client: Client) -> dict[str, int]:
    """Until the delivery log has nothing pending; what the subscriber counted."""

    async def delivered() -> bool:
        data = await client.query(
            "{ webhookDeliveries(first: 1, status: PENDING) { edges { node { id } } } }"
        )
        return not data["webhookDeliveries"]["edges"]

    await until("every webhook is delivered", delivered, seconds=120, every=0.5)
    ledger = await client.send(
        "GET", f"{client.urls.sandbox}/scrm/{setup.SCRM_NAME}/ledger?limit=1"
    )
    counted: dict[str, int] = ledger["summary"]
    return counted
