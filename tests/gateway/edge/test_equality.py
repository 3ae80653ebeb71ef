"""The gateway's answers are those of the library alone: the same bytes, on generated documents.

`KOS_GATEWAY_DOCUMENTS=5000 pytest tests/gateway/edge/test_equality.py` compares more of them.
"""

import asyncio
import os
import random
import types
from collections import Counter
from typing import Any, Union, get_args, get_origin
from unittest.mock import patch
from urllib.parse import urlsplit

import msgspec
import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from structlog.testing import capture_logs

from gateway.context import Context
from gateway.credentials import Caller
from gateway.edge import operations
from gateway.edge.documents import Documents
from gateway.edge.http import GraphQLEndpoint
from gateway.edge.operations import Operations
from gateway.edge.planned import Plan
from gateway.feed import Feed
from gateway.rows import Batch, row_of
from gateway.schema import KINDS, schema
from gateway.schema.deals import DEALS_BY_LEAD
from gateway.schema.leads import LEADS_BY_CONTACT, LEADS_BY_POST, Decision
from gateway.upstream import Refused, Service, Unavailable
from shared.access import Principal, Role
from shared.ids import uuid7
from tests.gateway.documents import POOL, Document, documents
from tests.gateway.edge.test_compiled import prefixes_of

DOCUMENTS = int(os.environ.get("KOS_GATEWAY_DOCUMENTS", "60"))

PRINCIPAL = Principal(brand_id=uuid7(), actor="test", roles=frozenset({Role.BRAND_ADMIN}))
BATCHES: tuple[Batch[Any], ...] = (DEALS_BY_LEAD, LEADS_BY_CONTACT, LEADS_BY_POST)
TYPES = {row_of(kind.type): kind for kind in KINDS.values()}


class Answers:
    """Services whose answers follow from a seed: rows, nulls, absent rows, nonsense, refusals."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.calls: Counter[tuple[str, str, str]] = Counter()

    def fetch(
        self,
        service: Service,
        method: str,
        path: str,
        caller: Caller,
        body: bytes | None = None,
        **_: Any,
    ) -> asyncio.Future[bytes]:
        self.calls[service, f"{method} {path}", (body or b"").decode()] += 1
        future = asyncio.get_running_loop().create_future()
        try:
            future.set_result(orjson.dumps(self._answer(service, method, path, body)))
        except (Refused, Unavailable) as failure:
            future.set_exception(failure)
        return future

    def _answer(self, service: Service, method: str, path: str, body: bytes | None) -> Any:
        chance = random.Random(f"{self.seed} {path.partition('?')[0]}")
        what = chance.random()
        if what < 0.03:
            raise Unavailable(service, "answered 500", 500)
        if what < 0.06:
            raise Refused(403, "not_allowed", "this credential may not do it")
        if what < 0.08:
            return {"items": [{"id": None}]}
        target = urlsplit(path).path
        sent = {} if body is None else orjson.loads(body)
        for kind in KINDS.values():
            if service != kind.service or not target.startswith(kind.path):
                continue
            rest = target.removeprefix(kind.path)
            if rest == "/by-ids":
                found = [self._row(row_of(kind.type), one) for one in sent["ids"]]
                return {"items": [row for row in found if row is not None]}
            if rest == "" and method == "GET":
                ids = chance.sample(POOL[kind.prefix], chance.randint(0, 4))
                rows = [row for one in ids if (row := self._row(row_of(kind.type), one))]
                return {"items": rows, "page": {"has_next": chance.random() < 0.5}}
            if rest == "" or method != "GET":
                return self._row(row_of(kind.type), POOL[kind.prefix][0])
            if rest.endswith("/decisions"):
                return {"items": [self._value(row_of(Decision), chance) for _ in range(2)]}
        for batch in BATCHES:
            if (service, target) == (batch.service, batch.path):
                items = [self._value(row_of(batch.type), chance) for _ in sent["ids"]]
                keyed = zip(items, sent["ids"], strict=True)
                return {"items": [{**item, batch.key: row_id} for item, row_id in keyed]}
        raise Refused(404, "not_found", "nothing here")

    def _row(self, row: type[Any], row_id: str) -> Any:
        chance = random.Random(f"{self.seed} {row_id}")
        if chance.random() < 0.1:
            return None
        return {**self._value(row, chance), "id": row_id}

    def _value(self, hint: Any, chance: random.Random) -> Any:
        """A value that decodes as this type, most of the time one that the schema can show."""
        if get_origin(hint) in (Union, types.UnionType):
            parts = [part for part in get_args(hint) if part is not type(None)]
            return None if chance.random() < 0.2 else self._value(parts[0], chance)
        if get_origin(hint) is list:
            return [self._value(get_args(hint)[0], chance) for _ in range(chance.randint(0, 2))]
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            return self._object(hint, chance)
        if chance.random() < 0.002:
            return None
        plain: dict[Any, list[Any]] = {
            str: ["x", "上海", "", 'a"\\\u0007\u2028'],
            int: [0, 7, -1, 2**31 - 1, 2**31 - 1, 2**31],
            float: [0.5, -1e-9, 1e22, 3.0, 0.1],
            bool: [True, False],
            Any: [{"a": [1, None, 0.1]}, {}, "x", []],
        }
        return chance.choice(plain[hint])

    def _object(self, row: type[Any], chance: random.Random) -> dict[str, Any]:
        kind = TYPES.get(row)
        points = {} if kind is None else prefixes_of(kind.type)
        value: dict[str, Any] = {}
        for field in msgspec.structs.fields(row):
            words = ENUMS.get((row.__name__, field.name))
            if field.name in points:
                value[field.name] = chance.choice([None, *POOL[points[field.name]]])
            elif words is not None and field.type in (str, str | None):
                value[field.name] = chance.choice(words * 4 + ["nonsense"])
            else:
                value[field.name] = self._value(field.type, chance)
        return value


def _enums() -> dict[tuple[str, str], list[str]]:
    """The words that the enums of the schema know, by row and field."""
    from graphql import GraphQLEnumType, GraphQLObjectType, get_named_type  # noqa: PLC0415

    found: dict[tuple[str, str], list[str]] = {}
    for kind in schema._schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType):
            continue
        for field in kind.fields.values():
            named = get_named_type(field.type)
            declared = field.extensions.get("strawberry-definition")
            if isinstance(named, GraphQLEnumType) and declared is not None:
                words = [str(part.value) for part in named.values.values()]
                found[f"{kind.name}Row", declared.python_name] = words
    return found


ENUMS = _enums()


class Believing:
    async def verify(self, *_: object) -> Caller:
        return Caller(PRINCIPAL, b"k" * 32)


class Unlimited:
    def spend(self, *_: object) -> dict[str, str]:
        return {}


def endpoint(answers: Answers) -> GraphQLEndpoint:
    fakes: Any = (Unlimited(), answers, Feed("", ()), Believing())
    budget, upstream, feed, credentials = fakes
    made = Documents(schema._schema, most_cost=20_000, introspection=True, trusted={})
    run = Operations(
        schema,
        made,
        budget,
        upstream,
        feed,
        KINDS,
        seconds=5,
        trusted_only=False,
        hide_suggestions=False,
    )
    return GraphQLEndpoint(run, credentials, fakes[3].verify, most_bytes=10**6)


async def ask(served: GraphQLEndpoint, document: Document) -> tuple[int, bytes]:
    body = orjson.dumps({"query": document.text, "variables": document.variables})
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    await served(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


async def both(document: Document, seed: int) -> tuple[bytes, bytes, Answers, Counter[str]]:
    """The answer of the gateway and the library's, what the services were asked, and what ran."""
    taken: Counter[str] = Counter()
    run = Plan.run

    async def counted(self: Plan, context: Context, variables: Any) -> Any:
        data = await run(self, context, variables)
        taken["planned" if data is not None else "given up"] += 1
        return data

    asked = Answers(seed)
    with patch.object(Plan, "run", counted), capture_logs():
        served = endpoint(asked)
        first = await ask(served, document)
        again = await ask(served, document)
    with (
        capture_logs(),  # of what is masked: rendering it takes longer than all the rest
        patch.object(operations, "PlainExecutor", StrawberryGraphQLCoreExecutionContext),
        patch.object(Operations, "_plan", lambda *_: None),
    ):
        plain = await ask(endpoint(Answers(seed)), document)
    assert first == again
    assert first[0] == plain[0]
    return first[1], plain[1], asked, taken


def in_order(answer: bytes) -> bytes:
    """The answer with its errors sorted: the language leaves their order open."""
    read = orjson.loads(answer)
    if "errors" in read:
        read["errors"].sort(key=orjson.dumps)
    return orjson.dumps(read)


@settings(
    max_examples=DOCUMENTS, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
@given(document=documents(schema._schema), seed=st.integers(0, 10**6))
async def test_the_bytes_are_those_of_the_library_alone(document: Document, seed: int) -> None:
    ours, plain, _, _ = await both(document, seed)

    if b'"errors"' not in plain:
        assert ours == plain
    assert in_order(ours) == in_order(plain)


LIST = """query($first: Int!, $after: String) {
  leads(first: $first, after: $after) {
    edges { node { id kind: status ...Who unit { id city parent { code } } } cursor }
    nodes { scoreReasons { points } ... on Node { id } __typename }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
fragment Who on Lead { staff { code unit { id } } score }"""


async def test_a_list_with_relations_and_fragments_does_take_the_plan() -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(20):
        ours, plain, _, taken = await both(Document(LIST, {"first": 4}), seed)
        assert in_order(ours) == in_order(plain)
        outcomes += taken

    assert min(outcomes["planned"], outcomes["given up"]) > 2


async def test_a_plan_that_gives_up_asks_the_services_nothing_twice() -> None:
    for seed in range(20):
        _, _, asked, taken = await both(Document(LIST, {"first": 4}), seed)
        if taken["given up"]:
            # Twice: the document was sent twice.
            assert max(asked.calls.values()) == 2
