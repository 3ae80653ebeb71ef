"""Documents made from the schema, with their variables, in all notations the language has."""

from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_non_null_type,
    value_from_ast_untyped,
)
from graphql.language import parse_value
from hypothesis import strategies as st

from gateway.schema import KINDS
from shared.ids import typed, uuid7

POOL = {prefix: [typed(prefix, uuid7()) for _ in range(4)] for prefix in KINDS}
_IDS = st.sampled_from([row_id for ids in POOL.values() for row_id in ids] * 4 + ["", "lead_1"])


@dataclass
class Document:
    text: str
    variables: dict[str, Any]


@dataclass
class _Writer:
    draw: st.DrawFn
    schema: GraphQLSchema
    declared: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)

    def one_in(self, number: int) -> bool:
        return self.draw(st.integers(1, number)) == number

    def selection(self, kind: Any, depth: int) -> str:
        parts: list[str] = []
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            names = self.draw(st.lists(st.sampled_from(sorted(kind.fields)), max_size=4))
            for name in names:
                parts += self.field(kind.fields[name], name, depth)
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            possible = sorted(self.schema.get_possible_types(kind), key=lambda one: one.name)
            for below in self.draw(st.lists(st.sampled_from(possible), max_size=2, unique=True)):
                parts.append(
                    f"... on {below.name}{self.directive()} {self.selection(below, depth)}"
                )
        if isinstance(kind, GraphQLObjectType) and self.one_in(5):
            condition = self.draw(st.sampled_from(["", f" on {kind.name}"]))
            parts.append(f"...{condition}{self.directive()} {self.selection(kind, 0)}")
        if isinstance(kind, GraphQLObjectType) and self.one_in(6):
            name = f"F{len(self.fragments)}"
            self.fragments.append("")
            own = int(name[1:])
            self.fragments[own] = f"fragment {name} on {kind.name} {self.selection(kind, 0)}"
            parts.append(f"...{name}{self.directive()}")
        if any(face.name == "Node" for face in getattr(kind, "interfaces", ())) and self.one_in(6):
            parts.append("... on Node { id }")
        if not parts or self.one_in(4):
            parts.append(self.draw(st.sampled_from(["__typename", "t: __typename"])))
        return "{ " + " ".join(parts) + " }"

    def field(self, declared: GraphQLField, name: str, depth: int) -> list[str]:
        """The field, at times under an alias, with a directive, or twice with other fields."""
        below: Any = get_named_type(declared.type)
        is_object = is_composite_type(below)
        if is_object and depth == 0:
            return []
        arguments = self.arguments(declared.args)
        alias = ""
        # Fields of one name merge only with equal arguments.
        if arguments or self.one_in(8):
            alias = f"a{self.draw(st.integers(0, 10**6))}: "
        written = f"{alias}{name}{arguments}"
        times = 2 if self.one_in(6) else 1
        return [
            written
            + self.directive()
            + (f" {self.selection(below, depth - 1)}" if is_object else "")
            for _ in range(times)
        ]

    def directive(self) -> str:
        if not self.one_in(12):
            return ""
        name = self.draw(st.sampled_from(["skip", "include"]))
        condition = self.draw(st.sampled_from(["true", "false", "$"]))
        if condition == "$":
            condition = self.variable("Boolean!", self.draw(st.booleans()))
        return f" @{name}(if: {condition})"

    def arguments(self, declared: dict[str, GraphQLArgument]) -> str:
        given = []
        for name, argument in declared.items():
            is_needed = is_non_null_type(argument.type) and argument.default_value is not None
            if name == "first" and self.one_in(3):
                is_needed = True
            if is_needed or self.one_in(6):
                given.append(f"{name}: {self.value(argument.type, name)}")
        return f"({', '.join(given)})" if given else ""

    def value(self, kind: Any, name: str) -> str:
        """A literal, or a variable that holds it, is left out, or is null."""
        literal = self.literal(kind, name)
        if not self.one_in(2):
            return literal
        sent = value_from_ast_untyped(parse_value(literal))
        nullable = get_nullable_type(kind)
        if self.one_in(8):  # it need not fit
            sent = self.draw(st.sampled_from([None, "text", 2**31, 1.5, True, [], {}, "lead_1"]))
        form = self.draw(st.sampled_from(["", "", "", "null", "absent", "default"]))
        if form == "default":
            return self.variable(f"{nullable} = {literal}", sent, is_sent=self.one_in(2))
        if form == "null":
            return self.variable(str(nullable), None) if nullable is kind else literal
        if form == "absent":
            return self.variable(str(kind), None, is_sent=False)
        return self.variable(str(kind), sent)

    def variable(self, kind: str, value: Any, *, is_sent: bool = True) -> str:
        name = f"v{len(self.declared)}"
        self.declared.append(f"${name}: {kind}")
        if is_sent:
            self.variables[name] = value
        return f"${name}"

    def literal(self, kind: Any, name: str) -> str:
        inner = get_nullable_type(kind)
        if isinstance(inner, GraphQLList):
            return f"[{', '.join(self.literal(inner.of_type, name) for _ in range(2))}]"
        if isinstance(inner, GraphQLEnumType):
            return str(self.draw(st.sampled_from(sorted(inner.values))))
        if isinstance(inner, GraphQLInputObjectType):
            parts = [
                f"{key}: {self.literal(part.type, key)}"
                for key, part in inner.fields.items()
                if is_non_null_type(part.type) or self.one_in(5)
            ]
            return "{" + ", ".join(parts) + "}"
        simple = {
            "Int": st.integers(1, 4).map(str),
            "Long": st.integers(0, 9).map(str),
            "Float": st.sampled_from(["0.5", "3"]),
            "Boolean": st.sampled_from(["true", "false"]),
            "ID": _IDS.map(lambda row_id: f'"{row_id}"'),
            "DateTime": st.sampled_from(['"2026-11-22T08:00:00Z"', '"then"']),
            "Date": st.sampled_from(['"2026-11-22"', '"then"']),
            "JSON": st.sampled_from(['{a: [1, null, "x"]}', "{}"]),
        }
        return self.draw(simple.get(inner.name, st.sampled_from(['"x"', '"2026-11"', '""'])))


@st.composite
def documents(draw: st.DrawFn, schema: GraphQLSchema) -> Document:
    """An operation on the schema that is mostly valid, and the variables sent with it."""
    writer = _Writer(draw, schema)
    is_mutation = writer.one_in(6)
    root = schema.mutation_type if is_mutation else schema.query_type
    assert root is not None
    parts: list[str] = []
    for _ in range(1 if is_mutation else draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(root.fields)))
        parts += writer.field(root.fields[name], name, 3)
    if writer.one_in(6):
        parts.append("__typename")
    declared = f"({', '.join(writer.declared)})" if writer.declared else ""
    keyword = "mutation" if is_mutation else "query"
    text = f"{keyword} Made{declared} {{ {' '.join(parts)} }} {' '.join(writer.fragments)}"
    return Document(text, writer.variables)
