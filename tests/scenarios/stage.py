"""A brand of a case: brought in as its own people would, asked and told through the gateway."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from graphql import GraphQLUnionType, get_named_type

from content_svc.use_cases.campaigns import WITHDRAW
from gateway.schema import schema
from shared.access import Principal, Role
from shared.clock import now
from shared.ids import typed, uuid7
from tests.caller import uuid_of
from tests.isolation.world import DISPATCH, PLAN, World

Json = dict[str, Any]

_PEOPLE = "query($after: String) { staff(first: 100, after: $after) { %s } }"
_UNITS = "query($after: String) { units(first: 100, after: $after) { %s } }"
_PAGE = "nodes { id code } pageInfo { hasNextPage endCursor }"
_HANDOFFS = """query($after: String) { posts(first: 100, after: $after) {
  nodes { id status account { id handle } staff { id } handoff { title text } }
  pageInfo { hasNextPage endCursor } } }"""


@dataclass
class Stage:
    world: World
    brand_id: UUID
    units: dict[str, str] = field(default_factory=dict)
    """Ids by code."""
    staff: dict[str, str] = field(default_factory=dict)
    """Ids by code."""

    @classmethod
    async def open(cls, world: World, brand: Json) -> "Stage":
        stage = cls(world, uuid7())
        facts = {"id": typed("brand", stage.brand_id), **brand}
        await stage.do("createBrand", facts, "id", by=stage.acting(Role.PLATFORM_ADMIN))
        return stage

    def acting(self, role: Role, *, unit: str | None = None, staff: str | None = None) -> Principal:
        """Somebody of the brand; `unit` and `staff` are codes."""
        return Principal(
            self.brand_id,
            f"{role}-{unit or staff or 'office'}",
            frozenset({role}),
            unit_ids=() if unit is None else (uuid_of(self.units[unit]),),
            staff_id=None if staff is None else uuid_of(self.staff[staff]),
        )

    @property
    def head_office(self) -> Principal:
        return self.acting(Role.BRAND_ADMIN)

    async def ask(self, document: str, *, by: Principal | None = None, **variables: Any) -> Any:
        answer = (await self.world.ask(by or self.head_office, document, variables)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def do(
        self, mutation: str, given: Json, fields: str, *, by: Principal | None = None
    ) -> Json:
        """What the mutation answers; a refusal fails the test."""
        answer = await self.try_to(mutation, given, fields, by=by)
        assert "code" not in answer, (mutation, given, answer)
        return answer

    async def try_to(
        self, mutation: str, given: Json, fields: str = "__typename", *, by: Principal | None = None
    ) -> Json:
        """What the mutation answers, or its refusal: `code` and `message`."""
        declared = _MUTATIONS[mutation]
        union = get_named_type(declared.type)
        assert isinstance(union, GraphQLUnionType)
        document = (
            f"mutation($input: {declared.args['input'].type}) {{ {mutation}(input: $input) {{ "
            f"... on {union.types[0].name} {{ {fields} }} ... on Problem {{ code message }} }} }}"
        )
        found: Json = (await self.ask(document, by=by, input=given))[mutation]
        return found

    async def bring_in(self, kind: str, rows: Sequence[Json]) -> None:
        """Import rows as a file; each has to be taken."""
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        answer = await self.world.send(
            "account",
            self.head_office,
            "POST",
            f"/imports/{kind}",
            content=content.encode(),
            headers={"content-type": "application/jsonl"},
        )
        report = answer.json()
        assert (report["rows_added"], report["rows_refused"]) == (len(rows), 0), report
        await self.world.settle(self.brand_id)
        if kind == "units":
            self.units = {each["code"]: each["id"] for each in await self._all(_UNITS, "units")}
        elif kind == "staff":
            self.staff = {each["code"]: each["id"] for each in await self._all(_PEOPLE, "staff")}

    async def settle(self) -> None:
        await self.world.settle(self.brand_id)

    async def launch(self, template: Json, campaign: Json) -> str:
        """A campaign whose posts are due at once; its id."""
        made = await self.do("addTemplate", template, "id")
        at = now()
        planned = await self.do(
            "planCampaign",
            {
                "templateId": made["id"],
                "startsAt": (at - timedelta(minutes=2)).isoformat(),
                "endsAt": (at - timedelta(minutes=1)).isoformat(),
                "postsPerAccountGapMinutes": 0,
                **campaign,
            },
            "id",
        )
        await self.do("launchCampaign", {"id": planned["id"]}, "status")
        await self.world.run_timer(PLAN, self.brand_id, uuid_of(planned["id"]))
        await self.settle()
        return str(planned["id"])

    async def hand_out(self, campaign_id: str) -> None:
        """Let the campaign's due posts go."""
        await self.world.run_timer(DISPATCH, self.brand_id, uuid_of(campaign_id))
        await self.settle()

    async def stop(self, campaign_id: str, *, reason: str) -> None:
        """The stop switch, and what the worker does after it."""
        await self.do("stopCampaign", {"id": campaign_id, "reason": reason}, "status")
        await self.hand_out(campaign_id)
        await self.world.run_timer(WITHDRAW, self.brand_id, uuid_of(campaign_id))
        await self.settle()

    async def posts(self) -> list[Json]:
        return await self._all(_HANDOFFS, "posts", whole=True)

    async def publish_note(self, post: Json, *, by: Principal) -> str:
        """The seller publishes a note by hand and proves it; its address."""
        path = f"/note/{post['id']}"
        note = {
            "note_id": post["id"],
            "author": {"handle": post["account"]["handle"]},
            "title": post["handoff"]["title"],
            "text": post["handoff"]["text"],
        }
        shown = json.dumps(note, ensure_ascii=False)
        page = f'<script type="application/json" id="note">{shown}</script>'
        self.world.pages[path] = page.encode()
        url = f"http://127.0.0.1:{self.world.site.pages_port}{path}"
        await self.do("confirmHandoff", {"id": post["id"], "url": url}, "status", by=by)
        await self.settle()
        return url

    async def capture(self, **lead: Any) -> str:
        """A lead that another system tells of, routed; its id."""
        scrm = self.acting(Role.SCRM)
        captured = await self.do("captureLead", lead, "id", by=scrm)
        await self.settle()
        return str(captured["id"])

    async def _all(self, document: str, name: str, *, whole: bool = False) -> list[Json]:
        document = document if whole else document % _PAGE
        found: list[Json] = []
        after = None
        while True:
            page = (await self.ask(document, after=after))[name]
            found += page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]


_MUTATIONS: Any = schema._schema.mutation_type.fields  # type: ignore[union-attr]
