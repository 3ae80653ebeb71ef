"""What the gateway's SDL says can be asked, and documents made from that."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_required_argument,
    is_required_input_field,
    parse,
    visit,
)

from account_svc.models import period_of
from gateway.__main__ import SDL
from shared.clock import now
from tests.isolation.brand import Brand
from tests.isolation.openapi import SECRETS, Place

PREFIXES = {
    "Unit": "unit",
    "Staff": "staff",
    "Account": "acct",
    "Persona": "persona",
    "Import": "import",
    "PlatformPolicy": "policy",
    "Course": "course",
    "ExamAttempt": "attempt",
    "Certificate": "cert",
    "Layout": "layout",
    "OffRosterAccount": "offroster",
    "SkillAssessment": "assess",
    "Advocate": "advocate",
    "Goal": "goal",
    "LiftTask": "lift",
    "IncentiveRule": "rule",
    "LedgerEntry": "entry",
    "Review": "review",
    "Appeal": "appeal",
    "AccountProfile": "acct",
    "ApiKey": "apikey",
    "Asset": "asset",
    "Template": "tmpl",
    "Campaign": "camp",
    "Draft": "draft",
    "Post": "post",
    "PlatformConnection": "conn",
    "Receipt": "rcpt",
    "Lead": "lead",
    "Contact": "contact",
    "Offer": "offer",
    "Deal": "deal",
    "WebhookEndpoint": "endpoint",
    "WebhookDelivery": "delivery",
    "Handover": "handover",
    "HandoverItem": "hitem",
    "Brand": "brand",
}
"""The ids that the nodes of the schema have."""
_BY_NAME = {
    "unitId": "unit",
    "unitIds": "unit",
    "parentId": "unit",
    "staffId": "staff",
    "takerIds": "staff",
    "handoverId": "handover",
    "accountId": "acct",
    "personaId": "persona",
    "courseId": "course",
    "relationId": "relation",
    "courseIds": "course",
    "templateId": "tmpl",
    "assetIds": "asset",
    "campaignId": "camp",
    "postId": "post",
    "leadId": "lead",
    "contactId": "contact",
    "endpointId": "endpoint",
    "entryId": "entry",
}
_ID_OF = {
    "scheduleDraft": "draft",
    "replayWebhooks": "endpoint",
    "startExam": "course",
    "reopenExam": "course",
    "recordRelation": "advocate",
    "withdrawRelation": "advocate",
    "reviewEntry": "entry",
    "appealEntry": "entry",
}
"""Mutations whose `id` is not of what they answer with."""
PAGE = 3


@cache
def sdl() -> GraphQLSchema:
    return build_schema(SDL.read_text())


@dataclass(frozen=True)
class Slot:
    place: Place
    """Names from the argument down."""
    prefix: str | None

    @property
    def name(self) -> str:
        return ".".join(self.place)


@dataclass(frozen=True)
class Operation:
    """One field of a root type."""

    kind: str
    """`query`, `mutation` or `subscription`."""
    field: str
    slots: tuple[Slot, ...]

    @property
    def name(self) -> str:
        return f"{self.kind} {self.field}"

    @property
    def definition(self) -> GraphQLField:
        root = getattr(sdl(), f"{self.kind}_type")
        found: GraphQLField = root.fields[self.field]
        return found


def list_operations(*kinds: str) -> list[Operation]:
    found = []
    for kind in kinds:
        root = getattr(sdl(), f"{kind}_type")
        for name, definition in root.fields.items():
            own = PREFIXES.get(get_named_type(definition.type).name)
            if isinstance(get_named_type(definition.type), GraphQLUnionType):
                own = PREFIXES.get(get_named_type(definition.type).types[0].name)
            if name in ("node", "nodes"):
                own = "*"
            slots: list[Slot] = []
            for argument, given in definition.args.items():
                slots += _slots(given.type, (argument,), _ID_OF.get(name, own))
            found.append(Operation(kind, name, tuple(slots)))
    return found


def _slots(kind: Any, place: Place, own: str | None) -> Iterator[Slot]:
    named = get_named_type(kind)
    if isinstance(get_nullable_type(kind), GraphQLList):
        place = (*place, "*")
    if isinstance(named, GraphQLInputObjectType):
        for name, part in named.fields.items():
            yield from _slots(part.type, (*place, name), own)
    elif named.name == "ID":
        last = next(name for name in reversed(place) if name != "*")
        yield Slot(place, _BY_NAME.get(last, own))
    elif named.name == "String":
        yield Slot(place, None)


def selection_of(kind: Any, depth: int) -> str:
    """Every plain field of a type, and the objects below it down to `depth`."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLScalarType | GraphQLEnumType):
        return ""
    if isinstance(named, GraphQLUnionType):
        parts = [f"... on {each.name} {selection_of(each, depth)}" for each in named.types]
        return "{ __typename " + " ".join(parts) + " }"
    if named.name == "Node":
        return "{ __typename id ...Kind }"
    assert isinstance(named, GraphQLObjectType)
    parts = [part for name in named.fields if (part := _field(named, name, depth))]
    return "{ __typename " + " ".join(parts) + " }"


def _field(parent: GraphQLObjectType, name: str, depth: int) -> str:
    definition = parent.fields[name]
    named = get_named_type(definition.type)
    is_plain = isinstance(named, GraphQLScalarType | GraphQLEnumType)
    is_page = parent.name.endswith(("Connection", "Edge"))
    if not is_plain and not is_page and depth <= 0:
        return ""
    arguments = f"(first: {PAGE})" if "first" in definition.args else ""
    return f"{name}{arguments} {selection_of(named, depth if is_page else depth - 1)}"


@dataclass(frozen=True)
class Call:
    """A document with its variables; `fill` puts something in one slot."""

    operation: Operation
    document: str
    variables: dict[str, Any]
    prefix: str | None = None
    """Of the kind that a `node` is asked as."""

    def fill(self, slot: Slot, value: str) -> "Call":
        variables = json.loads(json.dumps(self.variables))
        _put(variables, slot.place, value)
        return Call(self.operation, self.document, variables, self.prefix)


def _put(values: Any, place: Place, value: str) -> None:
    name, *rest = place
    if rest == ["*"]:
        values[name] = [value]
    elif rest and rest[0] == "*":
        inner = values.get(name) or [{}]
        values[name] = inner
        _put(inner[0], tuple(rest[1:]), value)
    elif rest:
        if values.get(name) is None:
            values[name] = {}
        _put(values[name], tuple(rest), value)
    else:
        values[name] = value


def calls_of(operation: Operation, brand: Brand, *, depth: int) -> list[Call]:
    """Ask for everything that the field gives, with the brand's own things.

    One call, but for `node` and `nodes`: one for each type, for the types' fields do not mix.
    """
    definition = operation.definition
    inner = selection_of(definition.type, depth)
    declared = ", ".join(f"${name}: {given.type}" for name, given in definition.args.items())
    passed = ", ".join(f"{name}: ${name}" for name in definition.args)
    head = f"({declared})" if declared else ""
    arguments = f"({passed})" if passed else ""
    document = f"{operation.kind}{head} {{ {operation.field}{arguments} {inner} }}"
    call = Call(operation, document, _variables(operation, brand))
    if "...Kind" not in inner:
        return [call]
    found = []
    for name, prefix in PREFIXES.items():
        kind = sdl().type_map[name]
        if kind in sdl().get_possible_types(_node()):
            fields = selection_of(kind, min(depth, 1))
            own = brand.typed_id if prefix == "brand" else brand.ids[prefix][0]
            full = f"{document} fragment Kind on {name} {fields}"
            found.append(Call(operation, full, call.variables, prefix).fill(call_slot(call), own))
    return found


DEEP = {
    "decisions": """query($lead: ID!) { lead(id: $lead) { decisions {
      id policyVersion decidedAt outcome uncounted tieBreak inputs staff { id name }
      explanation { kos manager auditor }
      candidates { step isChosen rejectedBecause staff { id name } unit { id name } }
    } } }""",
    "contact": """query($contact: ID!) { contact(id: $contact) {
      leads(first: 3) { leads { id city } }
      touchpoints {
        keyword post { id url } account { id handle } campaign { id name } unit { id name }
      } } }""",
    "post": """query($post: ID!, $acct: ID!) {
      post(id: $post) { leads(first: 3) { leads { id city } } }
      account(id: $acct) { history { reason staff { id name } } } }""",
    "health": """query($acct: ID!) { account(id: $acct) {
      handle health { reasons { cause points message since } } } }""",
    "rights": """query($staff: ID!) { staffMember(id: $staff) { rights {
      right isHeld expiresAt
      denial { code message courses { courseId code name cause expiredAt } } } } }""",
    "goals": """query($unit: ID!, $staff: ID!) {
      unit(id: $unit) { name goalProgress { metric target actual elapsed reached expected
        forecast { value method days backtestPercent refusal } below { goals target gap } }
        lift { period people top middle tail medianResult lowerQuartileResult movedUp movedDown
          stayed came } }
      staffMember(id: $staff) { code goalProgress { target actual }
        placements { period metric league result skill score tier } } }""",
    "authors": """query($post: ID!, $advocate: ID!) {
      post(id: $post) { author {
        postId advocateId classAtPublication classByHistory publishedAt } }
      advocate(id: $advocate) { name posts(first: 3) { postId } relations { proof } } }""",
}
"""What lies deeper than may be asked for with the whole of a row; variables are kinds of ids."""


@cache
def fields_of(document: str) -> frozenset[str]:
    """`Type.field` of every field that the document asks for."""
    found: set[str] = set()
    types = TypeInfo(sdl())

    class Note(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            parent = types.get_parent_type()
            if parent is not None and not node.name.value.startswith("__"):
                found.add(f"{parent.name}.{node.name.value}")

    visit(parse(document), TypeInfoVisitor(types, Note()))
    return frozenset(found)


def call_slot(call: Call) -> Slot:
    """Where the id of a `node` goes."""
    return call.operation.slots[0]


def _node() -> GraphQLInterfaceType:
    node = sdl().type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    return node


def _variables(operation: Operation, brand: Brand) -> dict[str, Any]:
    prefixes = {slot.place: slot.prefix for slot in operation.slots}
    found: dict[str, Any] = {}
    for name, given in operation.definition.args.items():
        if name == "first":
            found[name] = PAGE
        elif is_required_argument(given):
            found[name] = _example(given.type, (name,), prefixes, brand)
        elif given.default_value is not None:
            found[name] = None
    return _merged(found, GIVEN.get(operation.field, lambda _: {})(brand))


def _merged(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(values.get(name), dict) and name == "input":
            values[name] |= value
        else:
            values[name] = value
    return values


def _example(kind: Any, place: Place, prefixes: dict[Place, str | None], brand: Brand) -> Any:
    nullable = get_nullable_type(kind)
    if isinstance(nullable, GraphQLList):
        return [_example(nullable.of_type, (*place, "*"), prefixes, brand)]
    if isinstance(nullable, GraphQLInputObjectType):
        return {
            name: _example(part.type, (*place, name), prefixes, brand)
            for name, part in nullable.fields.items()
            if is_required_input_field(part)
        }
    if isinstance(nullable, GraphQLEnumType):
        return next(iter(nullable.values))
    assert isinstance(nullable, GraphQLScalarType)
    if nullable.name == "ID":
        prefix = prefixes[place] or "unit"
        # of `node`: whatever its calls put there
        return brand.typed_id if prefix in ("brand", "*") else brand.ids[prefix][0]
    plain: dict[str, Any] = {"DateTime": _soon(1), "JSON": {}, "Boolean": True}
    numbers = dict.fromkeys(("Int", "Long", "Float"), 1)
    return (plain | numbers).get(nullable.name, brand.canary)


def _soon(hours: float) -> str:
    return (now() + timedelta(hours=hours)).isoformat()


def _input(**values: Any) -> dict[str, Any]:
    return {"input": values}


GIVEN: dict[str, Any] = {
    "race": lambda _: {"period": f"{now():%Y-%m}"},
    "leaderboard": lambda _: {"period": f"{now():%Y-%m}"},
    "findStaff": lambda brand: {"phone": brand.east.phone},
    "findContacts": lambda brand: {"phone": brand.east.lead_phone},
    "addUnit": lambda brand: _input(
        kind="STORE", parentId=brand.east.region, code=f"{brand.canary}-new"
    ),
    "moveUnit": lambda brand: _input(id=brand.west.unit, parentId=brand.east.region),
    "addStaff": lambda brand: _input(unitId=brand.east.unit, code=f"{brand.canary}-new"),
    "transferStaff": lambda brand: _input(id=brand.east.staff, unitId=brand.west.unit),
    "registerAccount": lambda brand: _input(
        unitId=brand.east.unit, handle=f"{brand.canary}-new", displayName=brand.canary
    ),
    "handOverAccount": lambda brand: _input(id=brand.east.accounts[0], staffId=brand.west.staff),
    "openHandover": lambda brand: _input(staffId=brand.east.mate, takerIds=[brand.east.staff]),
    "changeTakers": lambda brand: _input(takerIds=[brand.east.staff]),
    "notePlatformStatus": lambda brand: _input(
        id=brand.east.accounts[0], platformStatus="XIAOHONGSHU_STAFF_BINDING"
    ),
    "addCourse": lambda brand: _input(
        code=f"{brand.canary}-new",
        questions=[{"text": "x", "options": ["x", "y"], "rightOptions": [1]}],
    ),
    "reviseCourse": lambda _: _input(
        questions=[{"text": "x", "options": ["x", "y"], "rightOptions": [1]}]
    ),
    "assessSkills": lambda _: _input(scores={"tools": 50}),
    "setUnitGoals": lambda brand: _input(
        period=period_of(now()), goals=[{"unitId": brand.east.unit, "target": 5}]
    ),
    "setStaffGoals": lambda brand: _input(
        period=period_of(now()), goals=[{"staffId": brand.east.staff, "target": 5}]
    ),
    "assignLift": lambda _: _input(skill="TOOLS", dueAt=_soon(1)),
    "recordRelation": lambda _: _input(kind="BOUGHT", happenedOn="2026-03-02"),
    "setWantedProfile": lambda _: _input(personaKind="TOPIC_EXPERT"),
    "addTemplate": lambda brand: _input(body=brand.canary),
    "planCampaign": lambda brand: _input(
        code=f"{brand.canary}-new", startsAt=_soon(1), endsAt=_soon(2), slotValues={"word": "x"}
    ),
    "confirmHandoff": lambda brand: _input(url=brand.words["post_url_west"]),
    "setContentPolicy": lambda _: _input(industry="general"),
    "authorizePlatform": lambda brand: _input(
        platform="DOUYIN",
        accountId=brand.east.accounts[1],
        credentials={
            "client_key": "x",
            "open_id": "x",
            "access_token": "x",
            "refresh_token": "x",
            "expires_in": 10,
            "refresh_expires_in": 10,
        },
    ),
    "importMetrics": lambda brand: _input(
        items=[{"postId": brand.ids["post"][-1], "measuredAt": now().isoformat(), "views": 200}]
    ),
    "captureLead": lambda brand: _input(leadId=f"{brand.canary}-new"),
    "acceptLead": lambda brand: _input(id=brand.offered["east"], staffId=brand.east.staff),
    "declineLead": lambda brand: _input(id=brand.offered["east"], staffId=brand.east.staff),
    "moveContactStage": lambda _: _input(stage="CARE"),
    "holdingPolicy": lambda _: {"platform": "XIAOHONGSHU", "fact": "POSTS_PER_DAY"},
    "setPlatformPolicy": lambda _: _input(platform="DOUYIN", fact="POSTS_PER_DAY", number=5),
    "setIncentiveRule": lambda brand: _input(
        trigger="LEAD_ACCEPTED",
        currency="points",
        formula=f"0 if grade == '{brand.canary}' else 5",
    ),
    "appealEntry": lambda brand: _input(id=brand.taken[brand.east.word]),
    "setRacePolicy": lambda brand: _input(leagues=[{"code": brand.canary, "name": brand.canary}]),
    "layoutReport": lambda brand: {"layout": brand.canary},
    "layoutSeats": lambda brand: {
        "layout": brand.canary,
        "unitId": brand.east.unit,
        "state": "MISSING",
    },
    "setLayout": lambda brand: _input(
        public=[{"seat": "KOS", "per": "STORE", "platforms": ["DOUYIN"], "label": brand.canary}]
    ),
    "reportOffRosterAccount": lambda brand: _input(
        handle=f"{brand.canary}-new", unitId=brand.east.unit
    ),
    "adoptOffRosterAccount": lambda brand: _input(
        id=brand.at[brand.east.word]["offroster"][0],
        unitId=brand.east.unit,
    ),
    "rejectOffRosterAccount": lambda brand: _input(id=brand.at[brand.east.word]["offroster"][0]),
    "setRoutingPolicy": lambda _: _input(offerMinutesByGrade=dict.fromkeys("ABCD", 30)),
    "connectPlatform": lambda _: _input(platform="generic", secrets=SECRETS, settings={}),
    "rotateConnectionSecrets": lambda _: _input(secrets=SECRETS),
    "addWebhookEndpoint": lambda _: _input(
        url="https://scrm.example.com/", eventTypes=["kos.lead.*"]
    ),
    "replayWebhooks": lambda _: _input(since=_soon(-1)),
    "createApiKey": lambda _: _input(scopes=["lead.read"]),
    "returnStaff": lambda brand: _input(id=brand.east.staff),
}
"""What a field needs beyond its types, by its name."""


def all_fields() -> set[str]:
    """Every field of every object type that a client can reach."""
    found = set()
    for kind in sdl().type_map.values():
        is_root = kind.name in ("Query", "Mutation", "Subscription")
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__") and not is_root:
            found |= {f"{kind.name}.{name}" for name in kind.fields}
    return found
