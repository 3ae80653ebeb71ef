"""The gateway against the services' OpenAPI documents: every call it makes, every row it reads."""

import json
import re
import types
from pathlib import Path
from typing import Any, Union, cast, get_args, get_origin

import jsonschema
import msgspec
import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    get_nullable_type,
)

from gateway.rows import row_of
from gateway.schema import KINDS, schema
from shared.ids import typed, uuid7
from tests.gateway.conftest import Client
from tests.gateway.services import Services

API = Path(__file__).parents[2] / "docs" / "api"
DOCUMENTS = {
    name: json.loads((API / f"{name}_svc.openapi.json").read_text())
    for name in ("account", "content", "lead")
}
QUERIES = cast("GraphQLObjectType", schema._schema.query_type).fields
MUTATIONS = cast("GraphQLObjectType", schema._schema.mutation_type).fields

VERB_PREFIX = {
    "Unit": "unit",
    "Staff": "staff",
    "Persona": "persona",
    "Account": "acct",
    "Brand": "brand",
    "Handover": "handover",
    "HandoverItem": "hitem",
    "ApiKey": "apikey",
    "Course": "course",
    "ExamAttempt": "attempt",
    "SkillAssessment": "assess",
    "LiftTask": "lift",
    "Advocate": "advocate",
    "OffRosterAccount": "offroster",
    "IncentiveRule": "rule",
    "LedgerEntry": "entry",
    "Appeal": "appeal",
    "Template": "tmpl",
    "Campaign": "camp",
    "Draft": "draft",
    "Post": "post",
    "Lead": "lead",
    "Contact": "contact",
    "Deal": "deal",
    "Transfer": "transfer",
    "Community": "comm",
    "CommunityActivity": "activity",
    "PlatformConnection": "conn",
    "Receipt": "rcpt",
    "WebhookEndpoint": "endpoint",
    "WebhookReplay": "endpoint",
    "RoutingPolicy": "policy",
    "Platform": "conn",
}
ID_FIELDS = {
    "parentId": "unit",
    "unitId": "unit",
    "unitIds": "unit",
    "staffId": "staff",
    "takerIds": "staff",
    "hostStaffId": "staff",
    "deputyStaffId": "staff",
    "handoverId": "handover",
    "personaId": "persona",
    "accountId": "acct",
    "campaignId": "camp",
    "templateId": "tmpl",
    "assetIds": "asset",
    "leadId": "lead",
    "courseId": "course",
    "relationId": "relation",
    "courseIds": "course",
    "postId": "post",
    "contactId": "contact",
    "communityId": "comm",
    "endpointId": "endpoint",
}
JSONS: dict[str, dict[str, Any]] = {
    "offerMinutesByGrade": {"A": 15},
    "neverWords": {"最好": "block"},
    "credentials": {
        "client_key": "key",
        "open_id": "id",
        "access_token": "token",
        "refresh_token": "token",
        "expires_in": 1,
        "refresh_expires_in": 1,
    },
}
TEXTS = {
    "startsAt": "2026-11-23T00:00:00Z",
    "endsAt": "2026-11-30T00:00:00Z",
    "fromAt": "2026-11-23T00:00:00Z",
    "untilAt": "2026-11-30T00:00:00Z",
    "opensAt": "09:00",
    "closesAt": "21:00",
    "fromPeriod": "2099-01",
    "period": "2099-01",
    "happenedOn": "2026-03-01",
    "code": "C1",
    "url": "https://douyin.test/p/1",
    "currency": "CNY",
    "name": "name",
    "cityCode": "310100",
    "namePattern": "{persona}",
    "pictureHash": "f0e1d2c3b4a59687",
}
AT_LEAST = {"options": 2}
"""How many items a list needs, where one is too few."""
NUMBERS = {"burstEntries": 2}
"""Where 1 is too small."""
ON_ANOTHER = {
    "scheduleDraft": "Draft",
    "startExam": "Course",
    "completeLesson": "Course",
    "reopenExam": "Course",
    "recordRelation": "Advocate",
    "withdrawRelation": "Advocate",
    "observeAccount": "Account",
    "reviewEntry": "LedgerEntry",
    "appealEntry": "LedgerEntry",
}
"""Mutations on something else than what they answer with."""


def sample(kind: Any, name: str, owner: str) -> Any:
    """A value that fits an input type, with every optional field given."""
    kind = get_nullable_type(kind)
    if isinstance(kind, GraphQLList):
        return [sample(kind.of_type, name, owner)] * AT_LEAST.get(name, 1)
    if isinstance(kind, GraphQLInputObjectType):
        return {
            field: sample(declared.type, field, owner) for field, declared in kind.fields.items()
        }
    if isinstance(kind, GraphQLEnumType):
        return "DOUYIN" if kind.name == "Platform" else next(iter(kind.values))
    values: dict[str, Any] = {
        "ID": typed(ID_FIELDS.get(name, VERB_PREFIX.get(owner, "lead")), uuid7()),
        "String": TEXTS.get(name, "text"),
        "DateTime": TEXTS.get(name, "2026-11-22T08:00:00Z"),
        "Int": NUMBERS.get(name, 1),
        "Long": 1,
        "Float": 1.5,
        "Boolean": True,
        "JSON": JSONS.get(name, {"key": "value"}),
    }
    return values[kind.name]


def operation_of(call: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The OpenAPI document and operation behind `POST lead/leads/lead_…/accept`."""
    method, _, target = call.partition(" ")
    service, _, path = target.partition("/")
    document = DOCUMENTS[service]
    for template, operations in document["paths"].items():
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
        if re.fullmatch(pattern, f"/{path}") and method.lower() in operations:
            return document, operations[method.lower()]
    raise AssertionError(f"{service}_svc has no {method} /{path}")


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        part = document["components"]["schemas"][part["$ref"].rsplit("/", 1)[1]]
    return part


def answer_of(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    success = next(body for status, body in operation["responses"].items() if status[0] == "2")
    return resolved(document, success["content"]["application/json"]["schema"])


def item_of(document: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return resolved(document, answer["properties"]["items"]["items"])


def assert_row_fits(row: Any, document: dict[str, Any], answer: dict[str, Any], at: str) -> None:
    """Whatever the row must have, the service's answer always has, and null only where allowed."""
    for field in msgspec.structs.fields(row):
        given = answer["properties"].get(field.name)
        if given is None:
            assert not field.required, f"{at}: no {field.name} in the service's answer"
            continue
        allows_null = type(None) in get_args(field.type)
        assert allows_null or not _may_be_null(given), f"{at}.{field.name} may be null"
        _descend(field.type, document, given, f"{at}.{field.name}")


def _may_be_null(given: dict[str, Any]) -> bool:
    return any(part.get("type") == "null" for part in given.get("anyOf", []))


def _descend(hint: Any, document: dict[str, Any], given: dict[str, Any], at: str) -> None:
    for part in get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,):
        if get_origin(part) is list:
            inner = resolved(document, _not_null(given))
            _descend(get_args(part)[0], document, inner["items"], f"{at}[]")
        elif isinstance(part, type) and issubclass(part, msgspec.Struct):
            assert_row_fits(part, document, resolved(document, _not_null(given)), at)


def _not_null(given: dict[str, Any]) -> dict[str, Any]:
    parts = [part for part in given.get("anyOf", []) if part.get("type") != "null"]
    return parts[0] if parts else given


@pytest.mark.parametrize("prefix", sorted(KINDS))
def test_rows_fit_the_lists_and_by_ids_answers(prefix: str) -> None:
    kind = KINDS[prefix]
    service = kind.service.removesuffix("_svc")

    for call in (f"GET {service}{kind.path}", f"POST {service}{kind.path}/by-ids"):
        document, operation = operation_of(call)
        item = item_of(document, answer_of(document, operation))
        assert_row_fits(row_of(kind.type), document, item, kind.type.__name__)


@pytest.mark.parametrize("name", sorted(MUTATIONS))
async def test_a_mutation_sends_what_the_service_takes_and_reads_what_it_answers(
    client: Client, services: Services, name: str
) -> None:
    field: GraphQLField = MUTATIONS[name]
    result = get_named_type(field.type)
    assert isinstance(result, GraphQLUnionType)
    argument: GraphQLArgument = field.args["input"]
    owner = ON_ANOTHER.get(name, result.types[0].name)
    query = f"mutation($input: {argument.type}) {{ {name}(input: $input) {{ __typename }} }}"

    data = await client.run(query, input=sample(argument.type, "input", owner))

    assert data[name] == {"__typename": "NotFound"}
    [call], [body] = services.calls, services.bodies
    document, operation = operation_of(call)
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]["schema"]
        wanted = {**content, "components": document["components"]}
        jsonschema.Draft202012Validator(wanted).validate(body)
        properties = resolved(document, _not_null(content)).get("properties", {})
        assert set(body) <= set(properties) or "oneOf" in content
    else:
        assert body == {}
    definition = result.types[0].extensions["strawberry-definition"]
    answer = answer_of(document, operation)
    assert_row_fits(row_of(definition.origin), document, answer, name)


def arguments(field: GraphQLField) -> list[str]:
    return [name for name in field.args if name not in ("first", "after")]


@pytest.mark.parametrize(
    "name", sorted(set(QUERIES) - {"node", "nodes", "funnel", "checkCompliance"})
)
async def test_a_query_asks_for_what_the_service_has(
    client: Client, services: Services, name: str
) -> None:
    field: GraphQLField = QUERIES[name]
    kind = get_named_type(field.type)
    assert isinstance(kind, GraphQLObjectType)
    owner = kind.name.removesuffix("Connection")
    variables = {
        argument: sample(field.args[argument].type, argument, owner)
        for argument in arguments(field)
    }
    if name == "importProgress":
        variables["id"] = typed("import", uuid7())
    declared = ", ".join(f"${each}: {field.args[each].type}" for each in variables)
    given = ", ".join(f"{each}: ${each}" for each in variables)
    query = (
        f"query{f'({declared})' if declared else ''} "
        f"{{ {name}{f'({given})' if given else ''} {{ __typename }} }}"
    )

    await client.post({"query": query, "variables": variables})

    assert len(services.calls) == 1
    _, operation = operation_of(services.calls[0])
    known = {part["name"] for part in operation.get("parameters", []) if part["in"] == "query"}
    assert set(services.queries[0]) <= known
