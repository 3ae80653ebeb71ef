"""Generated functions give exactly what the library's executor gives."""

import types
from typing import Any, Union, get_args, get_origin

import msgspec
from graphql import (
    ExecutionResult,
    GraphQLObjectType,
    execute,
    get_named_type,
    parse,
    validate,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.context import Context
from gateway.edge.compiled import CompiledDocument, PlainExecutor
from gateway.relations import RELATION
from gateway.rows import row_of
from gateway.schema import KINDS, schema
from gateway.upstream import Refused
from shared.ids import typed, uuid7

POOL = {prefix: [typed(prefix, uuid7()) for _ in range(3)] for prefix in KINDS}
ROOTS = {"lead": "lead", "post": "post", "contact": "contact", "deal": "deal", "account": "acct"}
ENUM_VALUES = [
    *("offered", "accepted", "active", "published", "won", "intent", "douyin", "store", "kos"),
    *("public", "running", "video", "pass", "nonsense"),
]

# Strategies are made once: each row draws dozens of values, and there is a row of every kind.
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.sampled_from(ENUM_VALUES),
    int: st.sampled_from([0, 7, -1, 2**31 - 1, 2**31, -(2**31), 2**40]),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    Any: st.sampled_from([{"a": [1, None]}, {}]),
}
_IS_NULL = st.integers(0, 3)
_RELATED = {prefix: st.sampled_from([None, *ids]) for prefix, ids in POOL.items()}
_HOW_MANY = st.integers(0, 2)
_IS_ABSENT = st.integers(0, 7)


def prefixes_of(kind: type[Any]) -> dict[str, str]:
    """The attributes of a type that hold ids of related rows, with the prefix of those ids."""
    fields = kind.__strawberry_definition__.fields
    relations = [field.metadata[RELATION] for field in fields if RELATION in field.metadata]
    return {relation.key: relation.prefix for relation in relations}


def wire(draw: st.DrawFn, hint: Any) -> Any:
    """A value that decodes as this type; it need not be one that the schema can show."""
    if get_origin(hint) in (Union, types.UnionType):
        parts = [part for part in get_args(hint) if part is not type(None)]
        return None if draw(_IS_NULL) == 0 else wire(draw, parts[0])
    if get_origin(hint) is list:
        return [wire(draw, get_args(hint)[0]) for _ in range(draw(_HOW_MANY))]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return {field.name: wire(draw, field.type) for field in msgspec.structs.fields(hint)}
    return draw(_PLAIN[hint])


@st.composite
def known_rows(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """For every kind, what a request knows: rows, rows that are not there, and failures."""
    known: dict[str, dict[str, Any]] = {}
    for prefix, kind in KINDS.items():
        row = row_of(kind.type)
        known[prefix] = {}
        for row_id in POOL[prefix]:
            if draw(_IS_ABSENT) == 0:
                absent = draw(st.sampled_from([None, Refused(403, "not_allowed", "no")]))
                known[prefix][row_id] = absent
                continue
            value = {field.name: wire(draw, field.type) for field in msgspec.structs.fields(row)}
            for key, target in prefixes_of(kind.type).items():
                value[key] = draw(_RELATED[target])
            known[prefix][row_id] = msgspec.convert({**value, "id": row_id}, row)
    return known


@st.composite
def selections(draw: st.DrawFn, kind: GraphQLObjectType, depth: int) -> str:
    """A selection set over plain fields and relations, in many notations."""
    usable = {
        name: field
        for name, field in kind.fields.items()
        if field.extensions["strawberry-definition"].base_resolver is None
        or RELATION in field.extensions["strawberry-definition"].metadata
    }
    parts = []
    for name in draw(st.lists(st.sampled_from(sorted(usable)), min_size=1, max_size=6)):
        below = get_named_type(usable[name].type)
        inner = ""
        if isinstance(below, GraphQLObjectType):
            if depth == 0:
                continue
            inner = " " + draw(selections(below, depth - 1))
        alias = draw(st.sampled_from(["", "", "", f"a_{name}: "]))
        directive = draw(st.sampled_from([""] * 12 + [" @skip(if: true)", " @include(if: $yes)"]))
        notation = draw(st.sampled_from(["{0}"] * 5 + [f"... on {kind.name} {{{{ {{0}} }}}}"]))
        parts.append(notation.format(f"{alias}{name}{directive}{inner}"))
    parts.append(draw(st.sampled_from(["__typename", "", "... on Node { id }"])))
    is_node = any(face.name == "Node" for face in kind.interfaces)
    if not is_node and parts[-1].startswith("..."):
        parts.pop()
    return "{ " + " ".join([*filter(None, parts), "t: __typename"]) + " }"


@st.composite
def documents(draw: st.DrawFn) -> str:
    query = schema._schema.query_type
    assert query is not None
    roots = []
    for number in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(ROOTS)))
        below = get_named_type(query.fields[name].type)
        assert isinstance(below, GraphQLObjectType)
        row_id = draw(st.sampled_from(POOL[ROOTS[name]]))
        roots.append(f'r{number}: {name}(id: "{row_id}") {draw(selections(below, 3))}')
    return "query($yes: Boolean = true) { u: __typename @include(if: $yes) " + " ".join(roots) + "}"


async def run(
    text: str, known: dict[str, dict[str, Any]], executor: Any, compiled: CompiledDocument
) -> ExecutionResult:
    node = parse(text)
    problems = validate(schema._schema, node)
    if problems:  # two fields of one name that cannot be merged: not a document to run
        return ExecutionResult(data=None, errors=[])
    nothing: Any = None  # nothing is fetched: every row is known
    context = Context(
        caller=nothing,
        upstream=nothing,
        kinds=KINDS,
        feed=nothing,
        request_id="",
        plans={},
        compiled=compiled,
    )
    for prefix, rows in known.items():
        context.related(prefix).known.update(rows)
    running: Any = execute(
        schema._schema,
        node,
        context_value=context,
        executor_class=executor,
        is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
    )
    result: ExecutionResult = await running
    return result


def errors_of(result: ExecutionResult) -> list[str]:
    return sorted(str(error.formatted) for error in result.errors or [])


@settings(max_examples=40, deadline=None)
@given(text=documents(), known=known_rows())
async def test_both_ways_give_the_same_data_and_the_same_errors(
    text: str, known: dict[str, dict[str, Any]]
) -> None:
    compiled: CompiledDocument = {}

    short = await run(text, known, PlainExecutor, compiled)
    long = await run(text, known, StrawberryGraphQLCoreExecutionContext, {})

    assert short.data == long.data
    assert errors_of(short) == errors_of(long)


def lead_row(**changes: Any) -> Any:
    value = {
        "id": POOL["lead"][0],
        "status": "offered",
        "source": "douyin",
        "captured_at": "2026-11-22T08:00:00Z",
        "version": 1,
        "staff_id": POOL["staff"][0],
        **changes,
    }
    return msgspec.convert(value, row_of(KINDS["lead"].type))


async def test_plain_objects_do_take_the_short_way() -> None:
    compiled: CompiledDocument = {}
    known = {"lead": {POOL["lead"][0]: lead_row()}, "staff": {POOL["staff"][0]: None}}
    text = f'{{ lead(id: "{POOL["lead"][0]}") {{ id kind: status staff {{ code }} }} }}'

    result = await run(text, known, PlainExecutor, compiled)

    assert result.errors is None
    assert result.data == {
        "lead": {"id": POOL["lead"][0], "kind": "OFFERED", "staff": None},
    }
    [(key, build)] = compiled.items()
    assert key[0] == "Lead"
    assert build is not None


async def test_a_value_that_does_not_fit_gives_the_librarys_error_and_path() -> None:
    known = {"lead": {POOL["lead"][0]: lead_row(score=2**31)}}
    text = f'{{ lead(id: "{POOL["lead"][0]}") {{ source score }} }}'

    result = await run(text, known, PlainExecutor, {})

    assert result.data == {"lead": {"source": "douyin", "score": None}}
    [error] = result.errors or []
    assert error.path == ["lead", "score"]
    assert "32-bit" in error.message
