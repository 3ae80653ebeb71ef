"""Edges between types: declared once on the field, fetched by the page that is asked for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import strawberry
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
)

RELATION = "relation"


@dataclass(frozen=True, slots=True)
class Relation:
    """To the row of kind `prefix` whose id is in the attribute `key`."""

    key: str
    prefix: str


Plan: TypeAlias = dict[str, tuple[Relation, "Plan"]]
"""The relations a selection asks for, each with those below it; keyed `Type.field`."""


def to_one(key: str, prefix: str, *, description: str | None = None) -> Any:
    """A field that points to the row whose id is in the attribute `key`; null when it is absent."""

    def resolve(root: strawberry.Parent[Any], info: strawberry.Info) -> Any:
        row_id = getattr(root, key)
        return None if row_id is None else info.context.related(prefix).get(row_id)

    return strawberry.field(
        resolver=resolve,
        description=description,
        metadata={RELATION: Relation(key, prefix)},
    )


def plan_of(info: GraphQLResolveInfo[Any]) -> Plan:
    """The relations that the running field's selection asks for, below wrappers like `edges`."""
    plan: Plan = {}
    for node in info.field_nodes:
        _collect(plan, info.schema, get_named_type(info.return_type), node, info.fragments)
    return plan


def _collect(
    plan: Plan,
    schema: GraphQLSchema,
    parent: Any,
    node: FieldNode,
    fragments: dict[str, FragmentDefinitionNode],
) -> None:
    if node.selection_set is None:
        return
    for owner, field_node in _fields(schema, parent, node.selection_set, fragments):
        definition = owner.fields.get(field_node.name.value)
        if definition is None:
            continue
        below = get_named_type(definition.type)
        declared = definition.extensions.get("strawberry-definition")
        relation = declared.metadata.get(RELATION) if declared is not None else None
        if relation is not None:
            entry = plan.setdefault(f"{owner.name}.{field_node.name.value}", (relation, {}))
            _collect(entry[1], schema, below, field_node, fragments)
        elif declared is None or declared.base_resolver is None:
            _collect(plan, schema, below, field_node, fragments)


def _fields(
    schema: GraphQLSchema,
    parent: Any,
    selection_set: SelectionSetNode,
    fragments: dict[str, FragmentDefinitionNode],
) -> Iterator[tuple[Any, FieldNode]]:
    """The fields selected on `parent` for certain: those behind @skip or @include are left to the
    loaders, which ask when the time comes."""
    for selection in selection_set.selections:
        if selection.directives:
            continue
        if isinstance(selection, FieldNode):
            if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
                yield parent, selection
            continue
        if isinstance(selection, FragmentSpreadNode):
            fragment: Any = fragments[selection.name.value]
        else:
            assert isinstance(selection, InlineFragmentNode)
            fragment = selection
        condition = fragment.type_condition
        below = parent if condition is None else schema.get_type(condition.name.value)
        yield from _fields(schema, below, fragment.selection_set, fragments)
