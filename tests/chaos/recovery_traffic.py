"""Leads by hook at an even pace, and what became of each."""

import asyncio
import base64
import hmac
import json
import time
from datetime import UTC, datetime

import httpx

from tests.chaos.brands import ChaosBrand

_EVERY_SECONDS = 0.5


class Traffic:
    """Sends leads by hook at an even pace, whatever becomes of them."""

    def __init__(self, brand: ChaosBrand) -> None:
        self._brand = brand
        self._number = 0
        self._running: set[asyncio.Task[None]] = set()
        self.accepted_at: list[float] = []
        """When each accepted lead was sent."""
        self.refused_at: list[float] = []
        self.answered_at = 0.0
        """When the last acceptance was heard."""

    async def run(self) -> None:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(trust_env=False, timeout=5, limits=limits) as client:
            while True:
                self._number += 1
                task = asyncio.create_task(self._send(client, self._number))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
                await asyncio.sleep(_EVERY_SECONDS)

    async def _send(self, client: httpx.AsyncClient, number: int) -> None:
        brand = self._brand
        at = datetime.now(UTC).isoformat()
        data = {"lead_id": f"recovery-{number}", "phone": f"1370000{number:04}", "submitted_at": at}
        body = json.dumps({"type": "lead.created", "timestamp": at, "data": data}).encode()
        message_id, stamp = f"msg-{number}", str(int(time.time()))
        key = base64.b64decode(brand.generic_secret.removeprefix("whsec_"))
        signed = hmac.digest(key, f"{message_id}.{stamp}.".encode() + body, "sha256")
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }
        url = f"{brand.brand.client.urls.lead}/hooks/generic/{brand.generic_id}"
        sent_at = time.time()
        try:
            answer = await client.post(url, content=body, headers=headers)
            is_accepted = answer.is_success
        except httpx.HTTPError:
            is_accepted = False
        if is_accepted:
            self.accepted_at.append(sent_at)
            self.answered_at = time.time()
        else:
            self.refused_at.append(sent_at)
