"""The SCRM system at the other end of webhooks: keeps everything it gets, fails on demand.

    python -m tests.chaos.sink PORT LEDGER.jsonl

`POST /in/{name}` is the subscriber `name`. `PUT /fault` `{"kind", "probability", "seed"}` makes
calls fail until `DELETE /fault`: `server_error` (500), `rate_limited` (429), `garbage` (bytes that
are no HTTP), `late_success` (taken, but answered after the caller has given up). A line of the
ledger is written before the answer is sent, and says what the answer is.
"""

import asyncio
import base64
import json
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from aiohttp import web

LATE_SECONDS = 17.0
"""More than the caller waits (15 s)."""

STATUS = {"server_error": 500, "rate_limited": 429, "garbage": 0, "late_success": 204}


@dataclass
class Sink:
    ledger: TextIO
    kind: str | None = None
    probability: float = 1.0
    rng: random.Random = field(default_factory=random.Random)
    number: int = 0

    async def receive(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        hit = self.kind if self.kind and self.rng.random() < self.probability else None
        status = 204 if hit is None else STATUS[hit]
        self._note(request, body, status=status, fault=hit)
        if hit == "late_success":
            await asyncio.sleep(LATE_SECONDS)
        if hit == "garbage":
            assert request.transport is not None
            request.transport.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
            request.transport.close()
        headers = {"Retry-After": "1"} if status == 429 else {}
        return web.Response(status=status or 204, headers=headers)

    def _note(self, request: web.Request, body: bytes, *, status: int, fault: str | None) -> None:
        self.number += 1
        line = {
            "number": self.number,
            "at": time.time(),
            "name": request.match_info["name"],
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": base64.b64encode(body).decode(),
            "status": status,
            "fault": fault,
        }
        self.ledger.write(json.dumps(line) + "\n")
        self.ledger.flush()

    async def put_fault(self, request: web.Request) -> web.Response:
        wanted: dict[str, Any] = await request.json()
        if wanted["kind"] not in STATUS:
            raise web.HTTPUnprocessableEntity(text=f"no fault {wanted['kind']}")
        self.kind = wanted["kind"]
        self.probability = wanted.get("probability", 1.0)
        self.rng = random.Random(wanted.get("seed", 0))
        return web.Response(status=204)

    async def delete_fault(self, _: web.Request) -> web.Response:
        self.kind = None
        return web.Response(status=204)


def create_app(ledger: TextIO) -> web.Application:
    sink = Sink(ledger)
    app = web.Application()
    app.router.add_post("/in/{name}", sink.receive)
    app.router.add_put("/fault", sink.put_fault)
    app.router.add_delete("/fault", sink.delete_fault)
    return app


def main() -> None:
    port, path = sys.argv[1:]
    with Path(path).open("a") as ledger:
        web.run_app(create_app(ledger), host="127.0.0.1", port=int(port), print=None)


if __name__ == "__main__":
    main()
