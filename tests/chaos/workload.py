"""One seeded workload through the public surface, every operation written to the ledger.

Leads by hook (signed here, and by the sandbox's population), offers accepted and declined, stages
moved, customers led to the private side, deals won and voided, campaigns, personas, accounts that
are looked at, people who come, learn, change store, and leave what they have to others.
"""

import asyncio
import json
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.chaos.brands import ChaosBrand
from tests.chaos.ledger import Ledger, Reading

PROBLEM = "... on Problem { code message path }"
# answers of the gateway that leave open what became of the mutation, or say: repeat
OPEN_CODES = ("idempotency_key_in_use", "rate_limited", "unavailable")

Json = dict[str, Any]


@dataclass
class Workload:
    """The load of one brand. At `rate` 1 it gets a lead per second by hooks signed here."""

    own: ChaosBrand
    ledger: Ledger
    rng: random.Random
    rate: float
    campaigns: bool = True
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    number: int = 0
    known: dict[str, Json] = field(default_factory=dict)
    """Accepted leads that nothing was done with yet, by id."""
    taken: dict[str, str] = field(default_factory=dict)
    """Who accepted a lead whose customer nobody has led on yet, by the lead's id."""
    transfers: dict[str, Json] = field(default_factory=dict)
    """Whose transfers are open and at which step, by id."""
    leaving: set[str] = field(default_factory=set)
    """Sellers for whom a handover was opened; they take no lead any more."""
    plans: set[str] = field(default_factory=set)
    """Handovers that wait to be started."""
    won: list[str] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    """Offers that a seller has begun to answer."""

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
        body = dump({"query": document, "variables": variables})
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
        body = dump({"query": document, "variables": variables or {}})

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
            told = json_of(answer)
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


def read_mutation(answer: httpx.Response, verb: str, of_type: str) -> Reading:
    """What the answer to a mutation says of its outcome."""
    told = json_of(answer)
    if answer.status_code != 200 or told is None or told.get("errors") or not told.get("data"):
        return Reading(None)
    result = told["data"][verb]
    if result["__typename"] == of_type:
        return Reading("ok", result)
    if result.get("code") in OPEN_CODES:
        return Reading(None)
    return Reading("failed", result)


def json_of(answer: httpx.Response) -> Json | None:
    try:
        found = answer.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
