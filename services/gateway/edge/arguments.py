"""Arguments of root fields, worked out once per document as far as its text decides them."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import strawberry
from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLString,
    Node,
    OperationDefinitionNode,
    VariableNode,
    get_argument_values,
    get_nullable_type,
    is_non_null_type,
    type_from_ast,
)
from graphql.execution.values import get_variable_values
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

Values: TypeAlias = Mapping[str, object]

_ABSENT = object()
_REFUSED = object()
_CLASSES: dict[str, type[Any]] = {"ID": str, "String": str, "Int": int, "Boolean": bool}
"""A variable of one of these types is what was sent, if that has just this class."""


class NotPlanned(Exception):
    """The executor has to run this operation, or this request of it."""


class Variables:
    """The variables of an operation, all of them of plain types."""

    def __init__(self, schema: strawberry.Schema, operation: OperationDefinitionNode) -> None:
        self.types: dict[str, str] = {}
        self._declared: list[tuple[str, type[Any], bool, object]] = []
        for node in operation.variable_definitions or ():
            name = node.variable.name.value
            declared: Any = type_from_ast(schema._schema, node.type)
            inner = get_nullable_type(declared)
            self.types[name] = getattr(inner, "name", "")
            if self.types[name] not in _CLASSES or node.directives:
                raise NotPlanned
            absent: object = _ABSENT if inner is declared else _REFUSED
            if node.default_value is not None:
                found = get_variable_values(schema._schema, [node], {})
                if isinstance(found, list):
                    raise NotPlanned
                absent = found.coerced[name]
            self._declared.append((name, _CLASSES[self.types[name]], inner is declared, absent))

    def read(self, given: Values) -> Values:
        """Their values; NotPlanned when the library has to look at one of them."""
        values = {}
        for name, kind, is_nullable, absent in self._declared:
            value = given.get(name, _ABSENT)
            if value is _ABSENT:
                value = absent
                if value is _REFUSED:
                    raise NotPlanned
            elif value is None:
                if not is_nullable:
                    raise NotPlanned
            elif value.__class__ is not kind or (kind is int and not _is_int32(value)):
                raise NotPlanned
            values[name] = value
        return values


class Arguments:
    """The keyword arguments that a resolver gets for a field's arguments."""

    def __init__(
        self,
        schema: strawberry.Schema,
        field: GraphQLField,
        declared: StrawberryField,
        node: FieldNode,
        variables: Variables,
    ) -> None:
        self._from_variables: list[tuple[str, str, bool, object]] = []
        given = {argument.name.value: argument for argument in node.arguments or ()}
        python_names = {
            schema.config.name_converter.from_argument(argument): argument.python_name
            for argument in declared.arguments
        }
        literals: dict[str, GraphQLArgument] = {}
        for name, argument in field.args.items():
            value = given[name].value if name in given else None
            if not isinstance(value, VariableNode):
                if value is not None and _holds_variable(value):
                    raise NotPlanned
                literals[name] = argument
                continue
            variable = value.name.value
            if getattr(get_nullable_type(argument.type), "name", "") != variables.types[variable]:
                raise NotPlanned
            try:
                when_absent = _convert(schema, declared, {name: argument}, node, ())
            except GraphQLError:
                absent = _REFUSED
            else:
                absent = when_absent.get(python_names[name], _ABSENT)
            self._from_variables.append(
                (variable, python_names[name], not is_non_null_type(argument.type), absent)
            )
        self._literals = _convert(
            schema, declared, literals, node, [given[name] for name in literals if name in given]
        )

    def read(self, values: Values) -> dict[str, Any]:
        """For these values of the variables; NotPlanned when one of them does not fit."""
        arguments = dict(self._literals)
        for variable, name, is_nullable, absent in self._from_variables:
            value = values[variable]
            if value is _ABSENT:
                value = absent
            if value is _REFUSED or (value is None and not is_nullable):
                raise NotPlanned
            if value is not _ABSENT:
                arguments[name] = value
        return arguments


def _convert(
    schema: strawberry.Schema,
    declared: StrawberryField,
    arguments: dict[str, GraphQLArgument],
    node: FieldNode,
    given: Any,
) -> dict[str, Any]:
    """What the library makes of these arguments when their nodes are `given`."""
    alone = GraphQLField(GraphQLString, args=arguments)
    coerced = get_argument_values(alone, FieldNode(name=node.name, arguments=tuple(given)))
    return convert_arguments(
        coerced, declared.arguments, schema.schema_converter.scalar_registry, schema.config
    )


def _holds_variable(node: Node) -> bool:
    if isinstance(node, VariableNode):
        return True
    for key in node.keys:
        below = getattr(node, key, None)
        for one in below if isinstance(below, list | tuple) else (below,):
            if isinstance(one, Node) and _holds_variable(one):
                return True
    return False


def _is_int32(value: Any) -> bool:
    return bool(-(2**31) <= value < 2**31)
