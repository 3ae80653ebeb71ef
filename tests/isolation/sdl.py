"""What the gateway's SDL says can be asked, and documents made from that."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
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

from gateway.__main__ import SDL
from tests.isolation.brand import Brand
from tests.isolation.given_graph import BY_NAME, GIVEN, ID_OF, PREFIXES, soon
from tests.isolation.openapi import Place

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
                slots += _slots(given.type, (argument,), ID_OF.get(name, own))
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
        yield Slot(place, BY_NAME.get(last, own))
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
    plain: dict[str, Any] = {"DateTime": soon(1), "JSON": {}, "Boolean": True}
    numbers = dict.fromkeys(("Int", "Long", "Float"), 1)
    return (plain | numbers).get(nullable.name, brand.canary)


def all_fields() -> set[str]:
    """Every field of every object type that a client can reach."""
    found = set()
    for kind in sdl().type_map.values():
        is_root = kind.name in ("Query", "Mutation", "Subscription")
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__") and not is_root:
            found |= {f"{kind.name}.{name}" for name in kind.fields}
    return found
