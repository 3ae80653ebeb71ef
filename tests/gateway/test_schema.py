"""The schema as others see it."""

import dataclasses
from typing import Any

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType

from gateway.__main__ import SDL
from gateway.rows import row_of
from gateway.schema import KINDS, schema


def types() -> list[Any]:
    return list(schema._schema.type_map.values())


def test_g7_the_committed_sdl_is_that_of_the_code() -> None:
    assert SDL.read_text() == schema.as_str() + "\n"


def test_every_mutation_takes_a_key_and_answers_a_union_with_all_refusals() -> None:
    mutation = schema._schema.mutation_type
    assert mutation is not None

    for name, field in mutation.fields.items():
        given = field.args["input"].type.of_type
        result = field.type.of_type
        assert "idempotencyKey" in given.fields, name
        assert isinstance(result, GraphQLUnionType), name
        assert {kind.name for kind in result.types[1:]} == {
            "NotFound",
            "Conflict",
            "NotAllowed",
            "Invalid",
            "RateLimited",
        }, name


def test_every_root_field_may_be_null_so_that_no_outage_blanks_a_page() -> None:
    query = schema._schema.query_type
    assert query is not None

    required = [name for name, field in query.fields.items() if str(field.type).endswith("!")]

    assert required == ["nodes"]


def test_every_kind_implements_node_and_has_a_row() -> None:
    node = schema._schema.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)

    for prefix, kind in KINDS.items():
        made = schema._schema.type_map[kind.type.__name__]
        assert isinstance(made, GraphQLObjectType), prefix
        assert node in made.interfaces, prefix
        plain = {field.name for field in dataclasses.fields(kind.type) if field.init}
        assert set(row_of(kind.type).__struct_fields__) == plain, prefix


def test_every_problem_says_code_message_and_path() -> None:
    problem = schema._schema.type_map["Problem"]

    kinds = [
        kind
        for kind in types()
        if isinstance(kind, GraphQLObjectType) and problem in kind.interfaces
    ]

    assert sorted(kind.name for kind in kinds) == [
        "Conflict",
        "Invalid",
        "NotAllowed",
        "NotFound",
        "RateLimited",
    ]
    assert {tuple(kind.fields) for kind in kinds} == {("code", "message", "path")}
