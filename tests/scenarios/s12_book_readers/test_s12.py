"""S12, a book author's readers: real use first, a deal later; the class changes when paid."""

from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from account_svc.models.advocate import RelationKind
from shared.events.content import PostPublished
from shared.inbox import Inbox
from tests.account_svc.aiming import published
from tests.account_svc.earning import deliver
from tests.account_svc.graph import Graph
from tests.account_svc.making import Api, make_account
from tests.caller import Json

CASE = yaml.safe_load((Path(__file__).parent / "case.yaml").read_text())
ADD = """mutation($input: AddAdvocateInput!) { addAdvocate(input: $input) {
  ... on Advocate { id authorClass } ... on Problem { code message } } }"""
LINK = """mutation($input: LinkAdvocateAccountInput!) { linkAdvocateAccount(input: $input) {
  ... on Advocate { accountIds } ... on Problem { code message } } }"""
RECORD = """mutation($input: RecordRelationInput!) { recordRelation(input: $input) {
  ... on HistoryChanged { authorClass reclassed { postId classAtPublication classByHistory } }
  ... on Problem { code message } } }"""
READ = """query($id: ID!) { advocate(id: $id) { name authorClass
  relations { kind happenedOn proof }
  posts(first: 10) { postId classAtPublication classByHistory } } }"""


class Reader:
    """One reader of the case, living through their history in the order of its days."""

    def __init__(self, case: Json, api: Api, graph: Graph, inbox: Inbox) -> None:
        self.case, self.api, self.graph, self.inbox = case, api, graph, inbox
        self.id = ""
        self.account: Json = {}
        self.posts: list[PostPublished] = []

    async def arrive(self) -> None:
        root = await self.api.root()
        facts = {"unitId": root["id"], "name": self.case["name"], "phone": self.case["phone"]}
        added = (await self.ask(ADD, input=facts))["addAdvocate"]
        assert added["authorClass"] == "UNPROVEN"
        self.id = added["id"]
        outside = {"id": None, "unit_id": root["id"]}
        self.account = await make_account(self.api, outside, seat="koc")
        linked = await self.ask(LINK, input={"id": self.id, "accountId": self.account["id"]})
        assert linked["linkAdvocateAccount"] == {"accountIds": [self.account["id"]]}

    async def live(self) -> None:
        """What is recorded of a day is known before what is posted on it."""
        days = [(fact["happened_on"], 0, fact) for fact in self.case["history"]]
        days += [(day, 1, None) for day in self.case["posts"]]
        for day, _, fact in sorted(days, key=lambda each: each[:2]):
            if fact is None:
                await self.post(day)
            else:
                changed = (await self.record(fact))["recordRelation"]
                assert changed["reclassed"] == [], fact

    async def record(self, fact: Json) -> Json:
        given = {
            "id": self.id,
            "kind": RelationKind(fact["kind"]).name,
            "happenedOn": fact["happened_on"].isoformat(),
            "proof": fact["proof"],
        }
        return await self.ask(RECORD, input=given)

    async def post(self, day: date) -> None:
        noon = datetime.combine(day, time(12), ZoneInfo("Asia/Shanghai"))
        event = published(self.account, noon)
        self.posts.append(event)
        await deliver(self.api, self.inbox, event)

    async def read(self) -> Json:
        found: Json = (await self.ask(READ, id=self.id))["advocate"]
        return found

    async def classes(self, field: str) -> list[str]:
        """Of the posts, oldest first."""
        shown = {each["postId"]: each[field] for each in (await self.read())["posts"]}
        return [shown[each.subject] for each in self.posts]

    async def ask(self, document: str, **variables: Any) -> Json:
        return await self.graph.ask(self.api.principal, document, **variables)


@pytest.mark.parametrize("case", CASE["readers"], ids=lambda case: case["name"])
async def test_s12_every_post_has_the_class_that_its_author_had_that_day(
    api: Api, graph: Graph, inbox: Inbox, case: Json
) -> None:
    reader = Reader(case, api, graph, inbox)

    await reader.arrive()
    await reader.live()

    assert await reader.classes("classAtPublication") == case["shows"]
    assert await reader.classes("classByHistory") == case["shows"]
    shown = await reader.read()
    assert (shown["name"], shown["authorClass"]) == (case["name"], case["ends_as"])
    assert [each["proof"] for each in shown["relations"]] == [
        each["proof"] for each in case["history"]
    ]


async def test_s12_a_contract_that_turns_up_later_says_which_posts_it_classes_otherwise(
    api: Api, graph: Graph, inbox: Inbox
) -> None:
    told = CASE["correction"]
    (case,) = [each for each in CASE["readers"] if each["name"] == told["reader"]]
    reader = Reader(case, api, graph, inbox)
    await reader.arrive()
    await reader.live()

    changed = (await reader.record(told["fact"]))["recordRelation"]
    refused = (await reader.record(told["refused_afterwards"]))["recordRelation"]

    assert changed == {
        "authorClass": case["ends_as"],
        "reclassed": [
            {
                "postId": reader.posts[number].subject,
                "classAtPublication": then,
                "classByHistory": now,
            }
            for number, (then, now) in told["reclasses"].items()
        ],
    }
    assert await reader.classes("classAtPublication") == told["at_publication"]
    assert await reader.classes("classByHistory") == told["by_history"]
    assert refused["code"] == told["refusal"]
