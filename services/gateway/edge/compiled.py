"""Plain subtrees of a result as generated functions.

Where every selected field is a plain attribute of a row, or a relation whose rows were fetched
with their page, one function per selection builds the result: it gives what the executor would,
at a fraction of the cost. Anything else (resolvers, arguments, directives, abstract types, values
that do not fit) takes the executor's way for that subtree; plain fields have no side effects, so
starting again is safe and yields the exact error and path.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, NoReturn, TypeAlias

from graphql import (
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    InlineFragmentNode,
    SelectionSetNode,
    get_nullable_type,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter

from gateway.relations import RELATION, Relation
from gateway.rows import row_of
from gateway.schema.pages import Connection, Edge, PageEdge, PageEnds, PageInfo

Build: TypeAlias = Callable[[Any, Callable[[str], Any]], dict[str, Any]]
"""From a value and the rows known by prefix of their ids, the object the selection asks for."""

CompiledDocument: TypeAlias = dict[tuple[object, ...], Build | None]
"""Belongs to the cached document: a function per selection, None where it cannot be one."""

_WRAPPERS: dict[type[Any], type[Any]] = {
    Connection: Connection,
    Edge: PageEdge,
    PageInfo: PageEnds,
}
"""Types whose values are not rows, with the class of the values."""

_SENT_AS_THEY_ARE = {"ID", "String", "Boolean", "Float", "DateTime", "Date", "Long", "JSON"}

BACKREF = GraphQLCoreConverter.DEFINITION_BACKREF


class NotPlain(Exception):
    """The value needs the executor."""


class PlainExecutor(StrawberryGraphQLCoreExecutionContext):
    """The executor of the library, with a short way for plain objects."""

    def complete_object_value(
        self,
        return_type: GraphQLObjectType,
        field_details_list: Any,
        info: Any,
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        context = self.context_value
        key = (return_type.name, *(id(details.node) for details in field_details_list))
        compiled: CompiledDocument = context.compiled
        try:
            build = compiled[key]
        except KeyError:
            build = compiled[key] = Compiler(self).compile(return_type, field_details_list)
        if build is not None:
            try:
                return build(result, context.known)
            except Exception:  # noqa: S110 - the executor finds it again, with its path
                pass
        return super().complete_object_value(
            return_type, field_details_list, info, path, result, position_context
        )


class Compiler:
    """Writes one function for a selection and the functions for those below it."""

    def __init__(self, executor: PlainExecutor) -> None:
        self._executor = executor
        self._names: dict[str, Any] = {"NotPlain": NotPlain, "not_plain": _not_plain}
        self._lines: list[str] = []
        self._numbers = count()

    def compile(self, kind: GraphQLObjectType, details: Sequence[Any]) -> Build | None:
        try:
            root = self._object(kind, details)
        except NotPlain:
            return None
        body = [f"    {line}" for line in [*self._lines, f"return {root}(value)"]]
        source = "\n".join(["def build(value, known):", *body])
        # Made of names of the schema and numbers of ours; response keys enter by repr().
        exec(source, self._names)  # noqa: S102
        build: Build = self._names["build"]
        return build

    def _object(self, kind: GraphQLObjectType, details: Sequence[Any]) -> str:
        """Write the function that makes an object of a value; returns its name."""
        for one in details:
            refuse_directives(one.node.selection_set, self._executor.fragment_definitions)
        collected, _, _ = self._executor.collect_subfields(kind, list(details))
        name = self._name("make")
        body: list[str] = []
        entries = [
            f"{key!r}: {self._field(body, kind, fields)}" for key, fields in collected.items()
        ]
        self._lines += [
            f"def {name}(v):",
            f"    if v.__class__ is not {self._constant(_source_of(kind))}: raise NotPlain",
            *(f"    {line}" for line in body),
            f"    return {{{', '.join(entries)}}}",
        ]
        return name

    def _field(self, body: list[str], parent: GraphQLObjectType, details: Sequence[Any]) -> str:
        """Write what a field of `v` needs; returns the expression for it."""
        name = details[0].node.name.value
        if name == "__typename":
            return repr(parent.name)
        definition = parent.fields.get(name)
        declared = None if definition is None else definition.extensions.get(BACKREF)
        if definition is None or declared is None:
            raise NotPlain
        relation = declared.metadata.get(RELATION)
        if relation is not None:
            return self._relation(relation, definition.type, details)
        if declared.base_resolver is not None:
            raise NotPlain
        return self._value(body, f"v.{declared.python_name}", definition.type, details)

    def _relation(self, relation: Relation, kind: Any, details: Sequence[Any]) -> str:
        """Each related row is made once, however many rows point to it."""
        if not isinstance(kind, GraphQLObjectType):
            raise NotPlain
        make = self._object(kind, details)
        follow, rows, made = self._name("follow"), self._name("rows"), self._name("made")
        self._lines += [
            f"{rows}, {made} = known({relation.prefix!r}), {{None: None}}",
            f"def {follow}(key):",
            f"    if key not in {made}:",
            f"        row = {rows}[key]",
            f"        {made}[key] = None if row is None else {make}(row)",
            f"    return {made}[key]",
        ]
        return f"{follow}(v.{relation.key})"

    def _value(self, body: list[str], read: str, kind: Any, details: Sequence[Any]) -> str:
        inner = get_nullable_type(kind)
        change = self._change(inner, details)
        if change is None:
            return read
        x = self._name("x")
        line = change.format(x=x)
        body.append(f"{x} = {read}")
        body.append(line if inner is not kind else f"if {x} is not None: {line}")
        return x

    def _change(self, kind: Any, details: Sequence[Any]) -> str | None:
        """The statement that turns the value in `{x}` into a result; None: it is one as it is."""
        if isinstance(kind, GraphQLEnumType):
            return f"{{x}} = {self._names_of(kind)}[{{x}}]"
        if kind is GraphQLInt:
            return "{x} = {x} if -2147483648 <= {x} <= 2147483647 else not_plain()"
        if isinstance(kind, GraphQLScalarType):
            if kind.name not in _SENT_AS_THEY_ARE:
                raise NotPlain
            return None
        if isinstance(kind, GraphQLObjectType):
            return f"{{x}} = {self._object(kind, details)}({{x}})"
        if isinstance(kind, GraphQLList) and isinstance(kind.of_type, GraphQLNonNull):
            change = self._change(kind.of_type.of_type, details)
            if change is None:
                return None
            of_item = change.partition(" = ")[2].format(x="item")
            return f"{{x}} = [{of_item} for item in {{x}}]"
        raise NotPlain

    def _names_of(self, kind: GraphQLEnumType) -> str:
        return self._constant({part.value: name for name, part in kind.values.items()})

    def _constant(self, value: object) -> str:
        name = self._name("const")
        self._names[name] = value
        return name

    def _name(self, stem: str) -> str:
        return f"{stem}{next(self._numbers)}"


def refuse_directives(
    selection_set: SelectionSetNode | None, fragments: Mapping[str, FragmentDefinitionNode]
) -> None:
    """Raise NotPlain at @skip and @include: they depend on variables, the function serves all."""
    for selection in selection_set.selections if selection_set is not None else ():
        if selection.directives:
            raise NotPlain
        if isinstance(selection, InlineFragmentNode):
            refuse_directives(selection.selection_set, fragments)
        elif isinstance(selection, FragmentSpreadNode):
            refuse_directives(fragments[selection.name.value].selection_set, fragments)


def _source_of(kind: GraphQLObjectType) -> type[Any]:
    """The class that values of a type have: its row, whose fields msgspec has checked."""
    definition = kind.extensions[BACKREF]
    origin = (definition.concrete_of or definition).origin
    return _WRAPPERS.get(origin) or row_of(origin)


def _not_plain() -> NoReturn:
    raise NotPlain
