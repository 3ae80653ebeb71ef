"""One seeded workload through the public surface, every operation written to the ledger.

Leads by hook (signed here, and by the sandbox's population), offers accepted and declined, stages
moved, deals won and voided, campaigns, personas, people who come, leave and change store.
"""

import asyncio
import base64
import contextlib
import hmac
import json
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from deploy.local.demo import brand as demo_brand
from tests.chaos.brands import OCEANENGINE_LABEL, ChaosBrand
from tests.chaos.ledger import Ledger, Reading

PROBLEM = "... on Problem { code message path }"
# answers of the gateway that leave open what became of the mutation, or say: repeat
OPEN_CODES = ("idempotency_key_in_use", "rate_limited", "unavailable")

Json = dict[str, Any]


@dataclass
class Workload:
    """The actors of one brand. `rate` is leads per second by hook of this brand."""

    own: ChaosBrand
    ledger: Ledger
    rng: random.Random
    rate: float
    campaigns: bool = True
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    number: int = 0
    known: dict[str, Json] = field(default_factory=dict)
    """Accepted leads that nothing was done with yet, by id."""
    won: list[str] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    """Offers that a seller has begun to answer."""

    async def run(self) -> None:
        """Act until `stopping` is set; each actor finishes what it is doing."""
        actors: list[Callable[[], Awaitable[None]]] = [
            self.send_lead,
            self.answer_offers,
            self.close_deals,
            self.void_something,
            self.add_persona,
            self.change_people,
            self.read_leads,
        ]
        pauses = [1 / self.rate, 0.5, 0.5, 3.0, 1.0, 2.0, 1.5]
        if self.campaigns:
            actors += [self.launch_campaign, self.bring_consumers]
            pauses += [15.0, 7.0]
        async with asyncio.TaskGroup() as group:
            for actor, pause in zip(actors, pauses, strict=True):
                group.create_task(self._repeat(actor, pause))

    async def _repeat(self, act: Callable[[], Awaitable[None]], pause: float) -> None:
        running: set[asyncio.Task[None]] = set()
        while not self.stopping.is_set():
            # not awaited: an actor whose call hangs does not stop the others of its kind
            if len(running) < 16:
                task = asyncio.create_task(_as_coroutine(act))
                running.add(task)
                task.add_done_callback(running.discard)
            try:
                async with asyncio.timeout(pause * self.rng.uniform(0.5, 1.5)):
                    await self.stopping.wait()
            except TimeoutError:
                pass
        if running:
            await asyncio.gather(*running)

    # leads

    async def send_lead(self) -> None:
        self.number += 1
        external_id = f"{self.own.tag}-lead-{self.number}"
        person = self.own.canaries.person()
        seller = self.rng.choice(self.own.brand.people)
        word = self.own.canaries.word()
        if self.rng.random() < 0.5:
            await self.send_generic(external_id, person, seller.handle, word)
        else:
            await self._send_clue(external_id, person, word)

    async def send_generic(self, external_id: str, person: Json, handle: str, word: str) -> None:
        at = datetime.now(UTC).isoformat()
        body = _dump(
            {
                "type": "lead.created",
                "timestamp": at,
                "data": {
                    "lead_id": external_id,
                    **person,
                    "note": f"{word} {person['name']}",
                    "account_handle": handle,
                    "product": word,
                    "submitted_at": at,
                },
            }
        )
        message_id = f"msg-{external_id}"
        key = base64.b64decode(self.own.generic_secret.removeprefix("whsec_"))

        def headers() -> dict[str, str]:
            stamp = str(int(time.time()))
            signed = f"{message_id}.{stamp}.".encode() + body
            signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
            return {
                "webhook-id": message_id,
                "webhook-timestamp": stamp,
                "webhook-signature": f"v1,{signature}",
            }

        await self._hook("generic", self.own.generic_id, external_id, body, headers)

    async def _send_clue(self, external_id: str, person: Json, word: str) -> None:
        body = _dump(
            {
                "message_id": f"msg-{external_id}",
                "service_label": OCEANENGINE_LABEL,
                "timestamp": int(time.time() * 1000),
                "advertiser_ids": [1001],
                "data": {
                    "clue_id": external_id,
                    "name": person["name"],
                    "telephone": person["phone"],
                    "weixin": person["wechat"],
                    "remark": word,
                },
            }
        )
        secret = self.own.oceanengine_secret.encode()

        def headers() -> dict[str, str]:
            return {"x-open-signature": hmac.digest(secret, body, "sha256").hex()}

        await self._hook("oceanengine", self.own.oceanengine_id, external_id, body, headers)

    async def _hook(
        self,
        platform: str,
        connection_id: str,
        external_id: str,
        body: bytes,
        headers: Callable[[], dict[str, str]],
    ) -> None:
        url = f"{self.own.brand.client.urls.lead}/hooks/{platform}/{connection_id}"

        def send() -> Coroutine[Any, Any, httpx.Response]:
            return self.own.http.post(
                url, content=body, headers={"content-type": "application/json", **headers()}
            )

        def read(answer: httpx.Response) -> Reading:
            if answer.is_success:
                return Reading("ok")
            return Reading(None if answer.status_code >= 500 else "failed")

        # no key of its own: the platform's id of the message is the key
        await self.ledger.run(
            "lead",
            self.own.tag,
            None,
            body,
            send,
            read,
            connection_id=connection_id,
            source_lead_id=external_id,
        )

    # mutations

    async def mutate(
        self,
        kind: str,
        verb: str,
        of_type: str,
        fields: str,
        command: Json,
        *,
        input_type: str | None = None,
        token: str | None = None,
        key: str | None = None,
        **facts: Any,
    ) -> Reading:
        """A GraphQL mutation, under a key of its own unless one is given."""
        self.number += 1
        key = key or f"{self.own.tag}-{kind}-{self.number}"
        input_type = input_type or f"{verb[0].upper()}{verb[1:]}Input"
        document = (
            f"mutation($input: {input_type}!) {{ {verb}(input: $input) "
            f"{{ __typename ... on {of_type} {{ {fields} }} {PROBLEM} }} }}"
        )
        client = self.own.brand.client
        variables = {"input": {**command, "idempotencyKey": key}}
        body = _dump({"query": document, "variables": variables})
        bearer = {
            "authorization": f"Bearer {token or client.token()}",
            "content-type": "application/json",
        }

        def send() -> Coroutine[Any, Any, httpx.Response]:
            return self.own.http.post(
                f"{client.urls.gateway}/graphql", content=body, headers=bearer
            )

        def read(answer: httpx.Response) -> Reading:
            return read_mutation(answer, verb, of_type)

        return await self.ledger.run(kind, self.own.tag, key, body, send, read, **facts)

    async def query(self, document: str, variables: Json | None = None) -> Json | None:
        """The data of a query, written to the ledger as it was told; None when it failed."""
        client = self.own.brand.client
        body = _dump({"query": document, "variables": variables or {}})

        def send() -> Coroutine[Any, Any, httpx.Response]:
            return self.own.http.post(
                f"{client.urls.gateway}/graphql",
                content=body,
                headers={
                    "authorization": f"Bearer {client.token()}",
                    "content-type": "application/json",
                },
            )

        def read(answer: httpx.Response) -> Reading:
            told = _json(answer)
            if answer.status_code != 200 or told is None or told.get("errors"):
                return Reading(None)
            return Reading("ok")

        found: list[Json] = []

        def keep(answer: httpx.Response) -> Reading:
            reading = read(answer)
            if reading.outcome == "ok":
                found.append(answer.json()["data"])
            return reading

        await self.ledger.run("query", self.own.tag, None, body, send, keep, once=True)
        return found[0] if found else None

    async def answer_offers(self) -> None:
        """Sellers take most of what they are offered, decline some, overlook the rest."""
        data = await self.query(
            "{ offers(first: 30, status: OPEN) { nodes { id lead { id } staff { id } } } }"
        )
        for offer in data["offers"]["nodes"] if data else []:
            draw = self.rng.random()
            if draw > 0.9 or offer["lead"] is None or offer["staff"] is None:
                continue
            if offer["id"] in self.answered:
                continue
            self.answered.add(offer["id"])
            lead_id, staff_id = offer["lead"]["id"], offer["staff"]["id"]
            token = self.own.brand.seller_token(staff_id)
            if draw > 0.75:
                await self.mutate(
                    "decline",
                    "declineLead",
                    "Lead",
                    "id",
                    {"id": lead_id, "reason": self.own.canaries.word()},
                    token=token,
                    lead_id=lead_id,
                    offer_id=offer["id"],
                )
                continue
            done = await self.mutate(
                "accept",
                "acceptLead",
                "Lead",
                "id",
                {"id": lead_id},
                token=token,
                lead_id=lead_id,
                offer_id=offer["id"],
                staff_id=staff_id,
            )
            if done.outcome == "ok":
                self.known[lead_id] = {"staff_id": staff_id}

    async def close_deals(self) -> None:
        if not self.known:
            return
        lead_id = self.rng.choice(sorted(self.known))
        lead = self.known.pop(lead_id)
        data = await self.query(
            "query($id: ID!) { lead(id: $id) { contact { id stage } } }", {"id": lead_id}
        )
        contact = ((data or {}).get("lead") or {}).get("contact")
        if contact and contact["stage"] == "INTENT" and self.rng.random() < 0.7:
            await self.mutate(
                "stage",
                "moveContactStage",
                "Contact",
                "id",
                {"id": contact["id"], "stage": "ADVICE"},
                contact_id=contact["id"],
                stage="advice",
            )
        # an amount that no other deal has tells the deals apart
        self.number += 1
        amount = 1_000_000 + self.number
        done = await self.mutate(
            "deal",
            "winDeal",
            "Deal",
            "id amountMinor",
            {"leadId": lead_id, "amountMinor": amount},
            lead_id=lead_id,
            staff_id=lead["staff_id"],
            amount_minor=amount,
        )
        if done.outcome == "ok":
            self.won.append(done.result["id"])

    async def void_something(self) -> None:
        if not self.won:
            return
        deal_id = self.won.pop(self.rng.randrange(len(self.won)))
        await self.mutate(
            "void",
            "voidDeal",
            "Deal",
            "id status",
            {"id": deal_id, "reason": self.own.canaries.word()},
            input_type="OnOneWithReason",
            deal_id=deal_id,
        )

    async def add_persona(self) -> None:
        """A role; now and then another one follows under the same key, which must be refused."""
        self.number += 1
        key = f"{self.own.tag}-persona-{self.number}"
        for kind in ("persona", "misuse"):
            name = self.own.canaries.word()
            done = await self.mutate(
                kind,
                "addPersona",
                "Persona",
                "id name",
                {"kind": "TOPIC_EXPERT", "name": name},
                key=key,
                name=name,
            )
            if done.outcome != "ok" or self.rng.random() < 0.7:
                return

    async def change_people(self) -> None:
        """People come, are away for a while and return; accounts are restricted and freed."""
        staff = self.own.brand.staff
        someone = staff[self.rng.choice(sorted(staff))]
        match self.rng.randrange(6):
            case 0:
                await self._hire()
            case 1:
                away = datetime.now(UTC) + timedelta(seconds=self.rng.uniform(1, 5))
                await self.mutate(
                    "absence",
                    "markStaffAbsent",
                    "Staff",
                    "id",
                    {
                        "id": someone,
                        "reason": "ill",
                        "fromAt": datetime.now(UTC).isoformat(),
                        "untilAt": away.isoformat(),
                    },
                    staff_id=someone,
                )
            case 2:
                await self._restrict()
            case 3:
                await self._rename()
            case 4:
                await self._transfer(someone)
            case _:
                await self.mutate(
                    "return",
                    "returnStaff",
                    "Staff",
                    "id",
                    {"id": someone},
                    input_type="OnOne",
                    staff_id=someone,
                )

    async def _restrict(self) -> None:
        """An account may not publish for a moment."""
        data = await self.query("{ accounts(first: 50) { nodes { id status } } }")
        ids = [each["id"] for each in data["accounts"]["nodes"]] if data else []
        if not ids:
            return
        account_id = self.rng.choice(ids)
        await self.mutate(
            "restrict",
            "restrictAccount",
            "Account",
            "id",
            {"id": account_id, "reason": "complaint"},
            input_type="OnOneWithReason",
            account_id=account_id,
        )
        await self.mutate(
            "activate",
            "activateAccount",
            "Account",
            "id",
            {"id": account_id},
            account_id=account_id,
        )

    async def _rename(self) -> None:
        """Head office imports an account again, under another public name."""
        person = self.rng.choice(self.own.brand.people)
        name = self.own.canaries.word()
        (row,) = demo_brand.account_rows([replace(person, display_name=name)])
        self.number += 1
        key = f"{self.own.tag}-rename-{self.number}"
        body = demo_brand.to_csv([row])
        client = self.own.brand.client

        def send() -> Coroutine[Any, Any, httpx.Response]:
            return self.own.http.post(
                f"{client.urls.account}/imports/accounts",
                content=body,
                headers={
                    "authorization": f"Bearer {client.token()}",
                    "content-type": "text/csv",
                    "idempotency-key": key,
                },
            )

        def read(answer: httpx.Response) -> Reading:
            if answer.is_success:
                return Reading("ok", _json(answer))
            return Reading(None if answer.status_code >= 500 else "failed", _json(answer))

        await self.ledger.run(
            "rename", self.own.tag, key, body, send, read, handle=person.handle, name=name
        )

    async def _transfer(self, staff_id: str) -> None:
        data = await self.query("{ units(first: 20, kind: STORE) { nodes { id } } }")
        if data is not None:
            await self.mutate(
                "transfer",
                "transferStaff",
                "Staff",
                "id",
                {"id": staff_id, "unitId": self.rng.choice(data["units"]["nodes"])["id"]},
                staff_id=staff_id,
            )

    async def _hire(self) -> None:
        data = await self.query("{ units(first: 20, kind: STORE) { nodes { id } } }")
        if data is None:
            return
        person = self.own.canaries.person()
        self.number += 1
        code = f"N{self.number:05}"
        await self.mutate(
            "hire",
            "addStaff",
            "Staff",
            "id code",
            {
                "unitId": self.rng.choice(data["units"]["nodes"])["id"],
                "code": code,
                "name": person["name"],
                "phone": person["phone"],
                "openLeadCapacity": 30,
            },
            code=code,
            # account_svc is the owner of its people's names and numbers
            owner="account",
            personal=[person["name"], person["phone"]],
        )

    async def launch_campaign(self) -> None:
        """A template, a campaign by it, launched: a post per account goes out."""
        self.number += 1
        code = f"c-{self.number}"
        word = self.own.canaries.word()
        template = await self.mutate(
            "template",
            "addTemplate",
            "Template",
            "id",
            {
                "name": word,
                "title": demo_brand.TEMPLATE_TITLE,
                "body": demo_brand.TEMPLATE_BODY,
                "slots": [
                    {**slot, "kind": slot["kind"].upper()} for slot in demo_brand.TEMPLATE_SLOTS
                ],
            },
            name=word,
        )
        if template.outcome != "ok":
            return
        at = datetime.now(UTC)
        campaign = await self.mutate(
            "campaign",
            "planCampaign",
            "Campaign",
            "id code",
            {
                "code": code,
                "name": self.own.canaries.word(),
                "mode": "CENTRAL_ENABLEMENT",
                "templateId": template.result["id"],
                "assetIds": [self.own.asset_id],
                "slotValues": {"model": word},
                "startsAt": at.isoformat(),
                "endsAt": (at + timedelta(seconds=5)).isoformat(),
            },
            code=code,
        )
        if campaign.outcome == "ok":
            await self.mutate(
                "launch",
                "launchCampaign",
                "Campaign",
                "id",
                {"id": campaign.result["id"]},
                input_type="OnOne",
                campaign_id=campaign.result["id"],
            )

    async def bring_consumers(self) -> None:
        """A small wave of the sandbox's people, who leave leads on every platform."""
        sandbox = self.own.brand.client.urls.sandbox
        body = _dump(
            {
                "seed": self.rng.randrange(2**31),
                "consumers": 10,
                "lead_rate": 0.7,
                "duplicate_rate": 0.3,
                "reorder_rate": 0.3,
                "connections": sorted(self.own.brand.connections.values()),
                "account_handles": self.own.brand.handles,
                "concurrency": 2,
                "wait": False,
            }
        )
        # it may be down just now; its own ledger tells what it sent
        with contextlib.suppress(httpx.HTTPError):
            await self.own.http.post(
                f"{sandbox}/sandbox/population/run",
                content=body,
                headers={"content-type": "application/json"},
            )

    async def read_leads(self) -> None:
        """Read pages over everything: no answer may hold what is another brand's."""
        await self.query(
            "{ leads(first: 20) { nodes { id status score product contact { name phone wechat } "
            "staff { name } unit { name } campaign { name } decisions { outcome } } } "
            "deals(first: 10) { nodes { id amountMinor status } } "
            "personas(first: 20) { nodes { name } } campaigns(first: 5) { nodes { name } } }"
        )


def read_mutation(answer: httpx.Response, verb: str, of_type: str) -> Reading:
    """What the answer to a mutation says of its outcome."""
    told = _json(answer)
    if answer.status_code != 200 or told is None or told.get("errors") or not told.get("data"):
        return Reading(None)
    result = told["data"][verb]
    if result["__typename"] == of_type:
        return Reading("ok", result)
    if result.get("code") in OPEN_CODES:
        return Reading(None)
    return Reading("failed", result)


def _json(answer: httpx.Response) -> Json | None:
    try:
        found = answer.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


async def _as_coroutine(act: Callable[[], Awaitable[None]]) -> None:
    await act()
