"""Every field of the gateway's root types, asked by one brand with everything of the other."""

import random
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx

from deploy.local.databases import SERVICES
from shared.access import Principal, Role
from tests.isolation.brand import Brand
from tests.isolation.probing import (
    Findings,
    Probe,
    digest,
    look_for,
    probes_of_ids,
    probes_of_names,
    probes_of_words,
    undone,
)
from tests.isolation.rest import TELLS_APART, WORDS_IN_SHORT
from tests.isolation.sdl import Call, Operation, Slot, calls_of, fields_of
from tests.isolation.world import World

SHOWS_NOTHING_OF_ITS_OWN = {
    "query checkCompliance": "measures the text it is sent",
    "query funnel": "answers with counts",
    "query ledgerBalances": "answers with sums",
    "query whatConverts": "answers with counts by platform",
    "query builtInLayouts": "answers with what every brand has",
    "query routingPolicy": "holds numbers and listed words",
    "mutation setContentPolicy": "answers with what it was sent",
    "mutation importMetrics": "answers with counts",
    "mutation setRoutingPolicy": "answers with what it was sent",
    "mutation replayWebhooks": "answers with a count",
}
"""A brand finds something of its own in the answer of every other field."""
TAKES_ANY_ID = {
    "mutation createBrand input.id": "a platform administrator chooses the id of a new brand",
    "mutation planCampaign input.target.unitIds.*": "a unit may become known later",
}
_TELLS_APART = {
    "mutation createBrand input.id",
    *TELLS_APART,
}
_DEEPER = {
    "assessSkills",
    "authorizePlatform",
    "completeLesson",
    "importMetrics",
    "observeAccount",
    "openTransfer",
    "recordRelation",
    "reopenExam",
    "setRacePolicy",
    "setStaffGoals",
    "setUnitGoals",
    "setWantedProfile",
    "withdrawRelation",
}
"""Commands that make nothing which is read again below."""
_REFUSALS = ("NotFound", "Invalid", "NotAllowed", "RateLimited")


@dataclass
class GraphAsker:
    """`own` asks with things of `other`."""

    world: World
    own: Brand
    other: Brand
    findings: Findings
    is_thorough: bool
    chance: random.Random
    visited: set[str] = field(default_factory=set)
    """The fields of types that documents asked for."""
    _before: dict[str, dict[str, str]] = field(default_factory=dict)

    async def send(self, call: Call, principal: Principal) -> httpx.Response:
        return await self.world.ask(principal, call.document, call.variables)

    async def try_own(self, operation: Operation) -> tuple[list[Call], Principal]:
        """The calls with the brand's own things; checks that they work and show them."""
        role = Role.PLATFORM_ADMIN if operation.field == "createBrand" else Role.BRAND_ADMIN
        principal = self.own.acting(role)
        with undone():
            calls, first = await self._deepest(operation, principal)
            for call in calls:
                answer = first if call is calls[0] else await self.send(call, principal)
                data = self._data(operation, answer)
                assert data is not None, (operation.name, answer.text)
                kind = data.get("__typename") if isinstance(data, dict) else None
                assert kind not in _REFUSALS, (operation.name, answer.text)
                shows = look_for(self.own, answer.content) is not None or kind == "Conflict"
                assert shows is (operation.name not in SHOWS_NOTHING_OF_ITS_OWN), (
                    operation.name,
                    answer.text,
                )
        return calls, principal

    async def _deepest(
        self, operation: Operation, principal: Principal
    ) -> tuple[list[Call], httpx.Response]:
        """As deep as the limits allow, with the answer to the first; what a command made and undid
        cannot be read below it."""
        depths: tuple[int, ...] = (2, 1, 0) if self.is_thorough else (1, 0)
        if operation.kind == "mutation":
            depths = (1,) if operation.field in _DEEPER else (0,)
        for depth in depths:
            calls = calls_of(operation, self.own, depth=depth)
            answer = await self.send(calls[0], principal)
            if not any(code in answer.text for code in ("too_costly", "too_deep", '"syntax"')):
                self.visited |= {name for call in calls for name in fields_of(call.document)}
                return calls, answer
        raise AssertionError(f"{operation.name} is too much to ask")

    def _data(self, operation: Operation, answer: httpx.Response) -> Any:
        found = answer.json()
        assert "errors" not in found, (operation.name, answer.text)
        return found["data"][operation.field]

    async def probe(self, operation: Operation) -> None:
        """Fill every slot with everything of the other brand."""
        calls, principal = await self.try_own(operation)
        is_command = operation.kind == "mutation"
        if is_command and not self._before:
            self._before = await self._digests()
        for call in calls:
            for slot in operation.slots:
                for probe in self._probes(operation, slot, call):
                    is_written = slot.prefix is None and is_command
                    if is_written or f"{operation.name} {slot.name}" in TAKES_ANY_ID:
                        with undone():
                            await self._take(call, slot, probe, principal)
                    else:
                        await self._take(call, slot, probe, principal)
        if not operation.slots:
            answer = await self.send(calls[0], principal)
            self.findings.requests += 1
            if shown := look_for(self.other, answer.content):
                self.findings.seen.append(f"{operation.name}: {shown}")
        if is_command:
            assert await self._digests() == self._before, f"{operation.name} changed the other"
        self.findings.covered.add(operation.name)

    async def _digests(self) -> dict[str, dict[str, str]]:
        return {service: await digest(self.world, service, self.other) for service in SERVICES}

    async def _take(self, call: Call, slot: Slot, probe: Probe, principal: Principal) -> None:
        answers = [
            await self.send(call.fill(slot, value), principal)
            for value in (probe.foreign, probe.never)
        ]
        name = f"{call.operation.name} {slot.name}"
        if name in _TELLS_APART:
            answers[1] = answers[0]
        self.findings.take(name, probe, self.own, self.other, answers)

    @cached_property
    def _ids(self) -> list[Probe]:
        return probes_of_ids(self.other)

    @cached_property
    def _words(self) -> list[Probe]:
        return probes_of_words(self.other)

    def _probes(self, operation: Operation, slot: Slot, call: Call) -> list[Probe]:
        ids, words = self._ids, self._words
        if slot.place[-1] == "idempotencyKey":
            return []  # test_rest.py asks with a key that the other brand has used
        if slot.place[-1] == "formula":
            # others are expressions, and two of the same shape need not read alike
            ids, words = probes_of_names(ids), probes_of_names(words)
        if slot.prefix == "*":
            return [probe for probe in ids if probe.kind == call.prefix]
        if self.is_thorough:
            return [each for each in ids if slot.prefix is not None or each.is_text] + words
        if slot.prefix is not None:
            return [probe for probe in ids if probe.kind == slot.prefix]
        return self.chance.sample(words, WORDS_IN_SHORT if operation.kind == "query" else 1)
