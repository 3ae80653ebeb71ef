"""Leads as they come in: hooks signed here, hooks of the sandbox's people; and those who read."""

import base64
import contextlib
import hmac
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.chaos.brands import OCEANENGINE_LABEL
from tests.chaos.ledger import Reading
from tests.chaos.workload import Json, Workload, dump


async def send_lead(load: Workload) -> None:
    load.number += 1
    external_id = f"{load.own.tag}-lead-{load.number}"
    person = load.own.canaries.person()
    seller = load.rng.choice(load.own.brand.people)
    word = load.own.canaries.word()
    if load.rng.random() < 0.5:
        await send_generic(load, external_id, person, seller.handle, word)
    else:
        await _send_clue(load, external_id, person, word)


async def send_generic(
    load: Workload, external_id: str, person: Json, handle: str, word: str
) -> None:
    at = datetime.now(UTC).isoformat()
    body = dump(
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
    key = base64.b64decode(load.own.generic_secret.removeprefix("whsec_"))

    def headers() -> dict[str, str]:
        stamp = str(int(time.time()))
        signed = f"{message_id}.{stamp}.".encode() + body
        signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        return {
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{signature}",
        }

    await _hook(load, "generic", load.own.generic_id, external_id, body, headers)


async def _send_clue(load: Workload, external_id: str, person: Json, word: str) -> None:
    body = dump(
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
    secret = load.own.oceanengine_secret.encode()

    def headers() -> dict[str, str]:
        return {"x-open-signature": hmac.digest(secret, body, "sha256").hex()}

    await _hook(load, "oceanengine", load.own.oceanengine_id, external_id, body, headers)


async def _hook(
    load: Workload,
    platform: str,
    connection_id: str,
    external_id: str,
    body: bytes,
    headers: Callable[[], dict[str, str]],
) -> None:
    url = f"{load.own.brand.client.urls.lead}/hooks/{platform}/{connection_id}"

    def send() -> Coroutine[Any, Any, httpx.Response]:
        return load.own.http.post(
            url, content=body, headers={"content-type": "application/json", **headers()}
        )

    def read(answer: httpx.Response) -> Reading:
        if answer.is_success:
            return Reading("ok")
        return Reading(None if answer.status_code >= 500 else "failed")

    # no key of its own: the platform's id of the message is the key
    await load.ledger.run(
        "lead",
        load.own.tag,
        None,
        body,
        send,
        read,
        connection_id=connection_id,
        source_lead_id=external_id,
    )


async def bring_consumers(load: Workload) -> None:
    """A small wave of the sandbox's people, who leave leads on every platform."""
    sandbox = load.own.brand.client.urls.sandbox
    body = dump(
        {
            "seed": load.rng.randrange(2**31),
            "consumers": 6,
            "lead_rate": 0.7,
            "duplicate_rate": 0.3,
            "reorder_rate": 0.3,
            "connections": sorted(load.own.brand.connections.values()),
            "account_handles": load.own.brand.handles,
            "concurrency": 2,
            "wait": False,
        }
    )
    # it may be down just now; its own ledger tells what it sent
    with contextlib.suppress(httpx.HTTPError):
        await load.own.http.post(
            f"{sandbox}/sandbox/population/run",
            content=body,
            headers={"content-type": "application/json"},
        )


async def read_leads(load: Workload) -> None:
    """Read pages over everything: no answer may hold what is another brand's."""
    await load.query(
        "{ leads(first: 20) { nodes { id status score product contact { name phone wechat } "
        "staff { name } unit { name } campaign { name } decisions { outcome } } } "
        "deals(first: 10) { nodes { id amountMinor status } } "
        "personas(first: 20) { nodes { name } } campaigns(first: 5) { nodes { name } } }"
    )
