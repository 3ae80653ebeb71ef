"""Every REST operation, asked by one brand with everything of the other."""

import random
from dataclasses import dataclass, field
from functools import cached_property

import httpx

from shared.access import Principal, Role
from tests.isolation.brand import Brand
from tests.isolation.openapi import Operation, Request, Slot, request_of
from tests.isolation.probing import (
    Findings,
    Probe,
    digest,
    event_of,
    look_for,
    probes_of_ids,
    probes_of_names,
    probes_of_words,
    undone,
)
from tests.isolation.world import World

SHOWS_NOTHING_OF_ITS_OWN = {
    "account POST /imports/{kind}": "answers with a new id and counts",
    "account GET /ledger/balances": "answers with sums",
    "account GET /layouts/built-in": "answers with what every brand has",
    "content POST /compliance/check": "measures the text it is sent",
    "content POST /posts/metrics": "answers with counts",
    "content PUT /content-policy": "answers with what it was sent",
    "lead GET /funnel": "answers with counts",
    "lead GET /routing-policy": "holds numbers and listed words",
    "lead PUT /routing-policy": "answers with what it was sent",
    "lead POST /webhook-endpoints/{endpoint_id}/replay": "answers with a count",
}
"""A brand finds something of its own in the answer of every other operation."""
TAKES_ANY_ID = {
    "account POST /brands body.id": "a platform administrator chooses the id of a new brand",
    "content POST /campaigns body.target.unit_ids.*": "a unit may become known later",
    "account POST /imports/{kind} query.id": "the caller chooses the id of the run",
}
"""Slots whose id need not name anything: the command is undone."""
TELLS_APART = {
    "account POST /brands body.id": "platform administrators may know which brands there are",
}
"""Slots where the answer says whether the other brand has the id, and why that is right."""
WORDS_IN_SHORT = 3


@dataclass
class Asker:
    """`own` asks with things of `other`."""

    world: World
    own: Brand
    other: Brand
    findings: Findings
    is_thorough: bool
    chance: random.Random
    allowed: dict[str, Principal] = field(default_factory=dict)
    _before: dict[str, dict[str, str]] = field(default_factory=dict)

    async def send(self, request: Request, principal: Principal) -> httpx.Response:
        operation = request.operation
        return await self.world.send(
            operation.service, principal, operation.method, request.path, **request.options
        )

    async def try_own(self, operation: Operation) -> Request:
        """The request with the brand's own things; checks that it works and shows them.

        Without this, an operation that refuses everybody would pass.
        """
        with undone():
            for request in self._own_requests(operation):
                for role in (Role.BRAND_ADMIN, Role.PLATFORM_ADMIN):
                    principal = self.own.acting(role)
                    answer = await self.send(request, principal)
                    if answer.status_code != 403:
                        break
                if answer.status_code in (200, 201, 409):
                    break
        assert answer.status_code in (200, 201, 409), (operation.name, answer.text)
        shows = look_for(self.own, answer.content) is not None or answer.status_code == 409
        assert shows is (operation.name not in SHOWS_NOTHING_OF_ITS_OWN), (
            operation.name,
            answer.text,
        )
        self.allowed[operation.name] = principal
        return request

    def _own_requests(self, operation: Operation) -> list[Request]:
        """One for each kind of id, where the document does not say which kind it takes."""
        request = request_of(operation, self.own)
        open_slots = [slot for slot in operation.slots if slot.prefix == "*"]
        if not open_slots:
            return [request]
        kinds = [*(ids[0] for ids in self.own.ids.values()), self.own.typed_id]
        return [request.fill(open_slots[0], value) for value in kinds]

    async def probe(self, operation: Operation) -> None:
        """Fill every slot with everything of the other brand."""
        request = await self.try_own(operation)
        principal = self.allowed[operation.name]
        service = operation.service
        if not operation.is_read and service not in self._before:
            self._before[service] = await digest(self.world, service, self.other)
        for slot in operation.slots:
            for probe in self._probes(operation, slot, request):
                # A word in a command is no reference: it would only be written down.
                is_written = slot.prefix is None and not operation.is_read
                if is_written or f"{operation.name} {slot.name}" in TAKES_ANY_ID:
                    with undone():
                        await self._take(request, slot, probe, principal)
                else:
                    await self._take(request, slot, probe, principal)
        if not operation.slots:
            answer = await self.send(request, principal) if operation.is_read else None
            if answer is not None and (shown := look_for(self.other, answer.content)):
                self.findings.seen.append(f"{operation.name}: {shown}")
            self.findings.requests += 1
        if not operation.is_read:
            after = await digest(self.world, service, self.other)
            assert after == self._before[service], f"{operation.name} changed the other brand"
        self.findings.covered.add(operation.name)

    async def _take(self, request: Request, slot: Slot, probe: Probe, principal: Principal) -> None:
        answers = [
            await self.send(request.fill(slot, value), principal)
            for value in (probe.foreign, probe.never)
        ]
        name = f"{request.operation.name} {slot.name}"
        if name in TELLS_APART:
            answers[1] = answers[0]
        self.findings.take(name, probe, self.own, self.other, answers)

    @cached_property
    def _ids(self) -> list[Probe]:
        return probes_of_ids(self.other)

    @cached_property
    def _words(self) -> list[Probe]:
        return probes_of_words(self.other)

    def _probes(self, operation: Operation, slot: Slot, request: Request) -> list[Probe]:
        ids, words = self._ids, self._words
        if operation.name == "account POST /api-keys/verify":
            # the gateway asks for whose key it is; who holds a key speaks for its brand
            words = [probe for probe in words if probe.kind != "api_key"]
        if slot.place[-1] == "formula":
            # others are expressions, and two of the same shape need not read alike
            ids, words = probes_of_names(ids), probes_of_names(words)
        if slot.prefix == "event":
            return [event_of(self.other, operation.service)]
        if self.is_thorough:
            if slot.prefix == "*":
                return ids
            return [each for each in ids if slot.prefix is not None or each.is_text] + words
        if slot.prefix is not None:
            fitting = slot.prefix
            if fitting == "*":
                fitting = request.body["ids"][0].partition("_")[0]
            return [probe for probe in ids if probe.kind == fitting]
        if operation.is_on_one and not operation.is_read:
            return self.chance.sample(words, 1)
        return self.chance.sample(words, WORDS_IN_SHORT)
