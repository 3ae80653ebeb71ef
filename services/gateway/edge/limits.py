"""What a document may ask: depth, aliases and cost, counted before it is validated.

Cost is the sum of the fields times the page sizes above them, fragments expanded. Validation and
execution of a hostile document cost far more than this walk, which passes each fragment once.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    get_nullable_type,
    visit,
)

from gateway.edge.refusals import RequestRefused
from gateway.schema.fields import COST, PERSONAL

DEPTH = 8
ALIASES = 30
TOKENS = 2000
REPEATS = 30
"""How often one selection may name a field under one name, fragments expanded: validation compares
each with each, which took seconds for a document of six kilobytes."""
LARGEST_PAGE = 100

_MOST_DIGITS = 20
_SHORT_LIST = 10
"""What a list without a page size counts as, unless it is part of its row's own text."""


@dataclass(slots=True)
class Measure:
    depth: int = 0
    aliases: int = 0
    cost: int = 0


@dataclass(slots=True)
class Measurer:
    """One operation with one set of variables."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    defaults: Mapping[str, ValueNode]
    used: set[str] = field(default_factory=set)
    """The variables that page sizes depend on."""
    _known: dict[tuple[str, int | None], Measure | None] = field(default_factory=dict)

    def measure(self, operation: OperationDefinitionNode) -> Measure:
        """Raises RequestRefused for a page size out of range or a personal value as a literal."""
        return self._selections(
            operation.selection_set, self.schema.get_root_type(operation.operation), None
        )

    def _selections(
        self, selection_set: SelectionSetNode, parent: Any, size: int | None
    ) -> Measure:
        total = Measure()
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                found = self._field(selection, parent, size)
            elif isinstance(selection, FragmentSpreadNode):
                found = self._spread(selection.name.value, size)
            else:
                assert isinstance(selection, InlineFragmentNode)
                condition = selection.type_condition
                below = parent if condition is None else self.schema.get_type(condition.name.value)
                found = self._selections(selection.selection_set, below, size)
            total.depth = max(total.depth, found.depth)
            total.aliases += found.aliases
            total.cost += found.cost
        return total

    def _spread(self, name: str, size: int | None) -> Measure:
        key = (name, size)
        if key in self._known:
            # None: the fragment contains itself, which validation reports.
            return self._known[key] or Measure()
        fragment = self.fragments.get(name)
        if fragment is None:
            return Measure()
        self._known[key] = None
        below = self.schema.get_type(fragment.type_condition.name.value)
        found = self._selections(fragment.selection_set, below, size)
        self._known[key] = found
        return found

    def _field(self, node: FieldNode, parent: Any, size: int | None) -> Measure:
        aliases = 0 if node.alias is None else 1
        name = node.name.value
        if name.startswith("__"):
            return Measure(aliases=aliases)
        definition: GraphQLField | None = getattr(parent, "fields", {}).get(name)
        page, times, own = None, 1, 1
        if definition is not None:
            self._refuse_personal_literals(node, definition)
            page = self._page_size(node, definition)
            declared = definition.extensions.get("strawberry-definition")
            own = 1 if declared is None else declared.metadata.get(COST, 1)
            if isinstance(get_nullable_type(definition.type), GraphQLList):
                # `edges` and `nodes` are pages of the connection above: it has been counted.
                own = own if size is None else 0
                times = page or size or (1 if _is_text(definition) else _SHORT_LIST)
        if node.selection_set is None:
            return Measure(1, aliases, own)
        below = None if definition is None else get_named_type(definition.type)
        found = self._selections(node.selection_set, below, page)
        return Measure(1 + found.depth, aliases + found.aliases, own + times * found.cost)

    def _page_size(self, node: FieldNode, definition: GraphQLField) -> int | None:
        for name in ("first", "ids"):
            if name in definition.args:
                break
        else:
            return None
        given = next((part.value for part in node.arguments or () if part.name.value == name), None)
        value: Any = self._value(given)
        if name == "ids":
            value = len(value) if isinstance(value, list | tuple) else 1
        elif value is None:
            value = definition.args[name].default_value
        if not isinstance(value, int) or isinstance(value, bool):
            return _SHORT_LIST  # not an integer: coercion of the variables reports it
        # Relay: a connection may be asked for no rows
        smallest = int(name == "first" and not _is_connection(definition))
        if not smallest <= value <= LARGEST_PAGE:
            raise RequestRefused(
                400,
                "invalid_page_size",
                f"`{name}` of `{node.name.value}` must be between {smallest} and {LARGEST_PAGE}",
            )
        return max(value, 1)

    def _value(self, node: ValueNode | None) -> object:
        if isinstance(node, VariableNode):
            self.used.add(node.name.value)
            if node.name.value in self.variables:
                return self.variables[node.name.value]
            return self._value(self.defaults.get(node.name.value))
        if isinstance(node, IntValueNode):
            # Python refuses to read thousands of digits; all of them say "too large".
            return int(node.value[:_MOST_DIGITS])
        if isinstance(node, ListValueNode):
            return node.values
        return None

    def _refuse_personal_literals(self, node: FieldNode, definition: GraphQLField) -> None:
        """Documents are cached and may be logged by proxies: personal values come as variables."""
        for argument in node.arguments or ():
            declared = definition.args.get(argument.name.value)
            if declared is not None:
                self._refuse_in(argument.value, declared)

    def _refuse_in(self, value: ValueNode, declared: Any) -> None:
        origin = declared.extensions.get("strawberry-definition")
        if isinstance(value, StringValueNode) and origin and origin.metadata.get(PERSONAL):
            raise RequestRefused(
                400, "personal_literal", "send personal data as variables, not in the document"
            )
        if isinstance(value, ListValueNode):
            for inner in value.values or ():
                self._refuse_in(inner, declared)
        kind = get_named_type(declared.type)
        if isinstance(value, ObjectValueNode) and isinstance(kind, GraphQLInputObjectType):
            for part in value.fields or ():
                below = kind.fields.get(part.name.value)
                if below is not None:
                    self._refuse_in(part.value, below)


def most_repeated(document: DocumentNode, fragments: Mapping[str, FragmentDefinitionNode]) -> int:
    """How often a selection of the document names the same field, at most."""
    most = 0

    class Count(Visitor):
        def enter_selection_set(self, node: SelectionSetNode, *_: Any) -> None:
            nonlocal most
            names: Counter[str] = Counter()
            _count_names(node, fragments, names, set())
            most = max(most, *names.values(), 0)

    visit(document, Count())
    return most


def _count_names(
    selection_set: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    names: Counter[str],
    spread: set[str],
) -> None:
    for selection in selection_set.selections:
        if isinstance(selection, FieldNode):
            names[(selection.alias or selection.name).value] += 1
        elif isinstance(selection, InlineFragmentNode):
            _count_names(selection.selection_set, fragments, names, spread)
        elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in spread:
            spread.add(selection.name.value)
            fragment = fragments.get(selection.name.value)
            if fragment is not None:
                _count_names(fragment.selection_set, fragments, names, spread)


def _is_connection(definition: GraphQLField) -> bool:
    return get_named_type(definition.type).name.endswith("Connection")


def _is_text(definition: GraphQLField) -> bool:
    """Whether a list came with its row and nothing below it can cause further work."""
    items = getattr(get_named_type(definition.type), "fields", {}).values()
    return not any(_resolves(field) for field in (definition, *items))


def _resolves(definition: GraphQLField) -> bool:
    declared = definition.extensions.get("strawberry-definition")
    return declared is not None and declared.base_resolver is not None


def size_key(used: frozenset[str], variables: Mapping[str, Any]) -> tuple[object, ...]:
    """What the measure depends on: page sizes by value, lists by length, in a fixed order."""
    return tuple(
        len(value) if isinstance(value, list) else value if isinstance(value, int) else None
        for value in (variables.get(name) for name in sorted(used))
    )
