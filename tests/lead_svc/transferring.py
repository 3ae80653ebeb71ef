"""Steps of the tests about transfers: a seller with a pair, a contact of theirs, the commands."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from shared.access import Role
from shared.clock import now
from shared.events.account import AccountPairChecked, Platform
from shared.events.lead import ContactTransferred, TransferStep
from shared.ids import parse_id, typed, uuid7
from tests.lead_svc.conftest import Brand, Store
from tests.lead_svc.offering import PHONE, accept

Json = dict[str, Any]

CONSENT = {"purpose": "private_contact", "notice_version": "2026-11"}


def consent(at: datetime | None = None) -> Json:
    return {**CONSENT, "at": (at or now()).isoformat()}


async def pair_accounts(brand: Brand, store: Store) -> UUID:
    """The private account of the store's seller."""
    return await brand.add_account(
        store.id, store.seller, handle="private", platform=Platform.WECOM
    )


def checked(
    store: Store, private: UUID, state: str, *failed_fields: str, **overrides: Any
) -> AccountPairChecked:
    facts: Json = {
        "account_id": store.account,
        "private_account_id": private,
        "persona_id": uuid7(),
        "state": state,
        "score_percent": 50,
        "staff_id": store.seller,
        "failed_fields": list(failed_fields),
    }
    return AccountPairChecked(**facts | overrides)


async def contact_of(brand: Brand, store: Store, phone: str = PHONE) -> UUID:
    """A contact whom the store's seller owns."""
    lead_id = await brand.lead(post_url=store.url, phone=phone)
    assert (await accept(brand, lead_id, store.seller)).status_code == 200
    [row] = await brand.rows("select contact_id from lead where id = :id", id=lead_id)
    contact_id: UUID = row["contact_id"]
    return contact_id


async def ready(brand: Brand, store: Store) -> UUID:
    """A contact of the store's seller, whose pair has passed."""
    private = await pair_accounts(brand, store)
    await brand.receive(checked(store, private, "passed"))
    return await contact_of(brand, store)


async def open_stage_1(
    brand: Brand, store: Store, contact_id: UUID, *, by: Json | None = None, **overrides: Any
) -> httpx.Response:
    body = {
        "contact_id": typed("contact", contact_id),
        "account_id": typed("acct", store.account),
        "means": "contact_card",
        "consent": consent(),
        **overrides,
    }
    return await brand.post("/transfers", body, **(by or seller_of(store)))


def seller_of(store: Store) -> Json:
    return {"role": Role.KOS, "staff_id": store.seller}


async def opened(brand: Brand, store: Store, contact_id: UUID, **overrides: Any) -> Json:
    answer = await open_stage_1(brand, store, contact_id, **overrides)
    assert answer.status_code == 201, answer.text
    transfer: Json = answer.json()
    return transfer


async def act(
    brand: Brand, transfer: Json, verb: str, *, by: Json | None = None, **body: Any
) -> httpx.Response:
    return await brand.post(f"/transfers/{transfer['id']}/{verb}", body, **(by or {}))


async def complete(brand: Brand, transfer: Json, stage: str) -> httpx.Response:
    return await act(brand, transfer, "complete-stage", stage=stage)


async def open_stage_2(brand: Brand, transfer: Json, **body: Any) -> httpx.Response:
    return await act(brand, transfer, "open-second-stage", consent=consent(), **body)


async def done_stage_1(brand: Brand, store: Store, contact_id: UUID) -> Json:
    transfer = await opened(brand, store, contact_id)
    assert (await complete(brand, transfer, "stage_1")).status_code == 200
    return transfer


async def read(brand: Brand, transfer: Json, **caller: Any) -> Json:
    answer = await brand.post("/transfers/by-ids", {"ids": [transfer["id"]]}, **caller)
    [item] = answer.raise_for_status().json()["items"]
    assert isinstance(item, dict)
    return item


async def told_steps(brand: Brand, transfer: Json) -> list[tuple[TransferStep, str | None]]:
    """The steps that were announced of it, in order, with why it was dropped."""
    transfer_id = id_of(transfer)
    return [
        (event.step, event.dropped_reason and event.dropped_reason.value)
        for event in await brand.announced(ContactTransferred)
        if event.transfer_id == transfer_id
    ]


def id_of(transfer: Json) -> UUID:
    return parse_id("transfer", transfer["id"])


async def run_out(brand: Brand, transfer: Json) -> None:
    """Move the deadline into the past, as time would."""
    await brand.execute(
        "update transfer set due_at = :at where id = :id",
        at=now() - timedelta(seconds=1),
        id=id_of(transfer),
    )


async def nothing_happened(brand: Brand) -> bool:
    """No transfer is there, and none was told of."""
    rows = await brand.rows("select (select count(*) from transfer) as transfers")
    return rows == [{"transfers": 0}] and not await brand.announced(ContactTransferred)
