"""Whole queries as plans: the resolvers of the root, and one function for each of their results.

A plan gives the whole answer or nothing. It knows queries whose root fields resolve to objects
with plain selections (`compiled.py`), and it calls the very resolvers that the executor calls. At
anything else (an error, a value or a variable that does not fit, a directive) it gives up, and the
executor runs the operation over the rows and pages that the plan has read: so errors, paths and
the rare shapes are the library's own, and no service is asked twice.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import strawberry
from graphql import (
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    get_nullable_type,
)
from graphql.execution.collect_fields import collect_fields
from strawberry.types.field import StrawberryField

from gateway.context import Context
from gateway.edge.arguments import Arguments, NotPlanned, Values, Variables
from gateway.edge.compiled import (
    BACKREF,
    Build,
    Compiler,
    NotPlain,
    PlainExecutor,
    refuse_directives,
)


class Plan:
    """A query that is run without the executor."""

    def __init__(self, schema: strawberry.Schema, executor: PlainExecutor) -> None:
        """Raises NotPlanned when the query is not of the kind."""
        operation, root = executor.operation, executor.schema.query_type
        if operation.operation is not OperationType.QUERY or root is None or operation.directives:
            raise NotPlanned
        try:
            refuse_directives(operation.selection_set, executor.fragment_definitions)
        except NotPlain:
            raise NotPlanned from None
        self._variables = Variables(schema, operation)
        collected = collect_fields(
            executor.schema, executor.fragments, executor.variable_values, root, operation
        )
        self._typenames: dict[str, Any] = {}
        """Every key of the answer in its order, with what needs no resolver."""
        self._roots: dict[str, _Root] = {}
        for key, details in collected.grouped_field_set.items():
            name = details[0].node.name.value
            self._typenames[key] = root.name
            if name != "__typename":
                field = root.fields.get(name)
                if field is None:
                    raise NotPlanned
                self._roots[key] = _Root(schema, executor, field, details, self._variables)

    async def run(self, context: Context, given: Values) -> dict[str, Any] | None:
        """The data of the answer; None when the executor has to run the operation."""
        try:
            values = self._variables.read(given)
            arguments = [root.arguments.read(values) for root in self._roots.values()]
        except NotPlanned:
            return None
        context.answers = {}
        calls = [
            root.call(context, own)
            for root, own in zip(self._roots.values(), arguments, strict=True)
        ]
        try:
            if len(calls) == 1:
                results = [await calls[0]]
            else:
                # All of them end before the executor may have to start.
                results = await asyncio.gather(*calls, return_exceptions=True)
            data = dict(self._typenames)
            for (key, root), result in zip(self._roots.items(), results, strict=True):
                data[key] = root.build(result, context)
        except Exception:  # the executor finds it again, with its path
            return None
        return data


class _Root:
    """A root field."""

    def __init__(
        self,
        schema: strawberry.Schema,
        executor: PlainExecutor,
        field: GraphQLField,
        details: list[Any],
        variables: Variables,
    ) -> None:
        declared = field.extensions.get(BACKREF)
        kind = get_nullable_type(field.type)
        if (
            not isinstance(declared, StrawberryField)
            or declared.base_resolver is None
            or not declared.base_resolver.is_async
            or declared.permission_classes
            or declared.extensions
            or not isinstance(kind, GraphQLObjectType)
        ):
            raise NotPlanned
        build = Compiler(executor).compile(kind, details)
        if build is None:
            raise NotPlanned
        self._build: Build = build
        self._is_nullable = kind is field.type
        self._resolve: Callable[..., Awaitable[Any]] = cast(
            "Callable[..., Awaitable[Any]]", declared.base_resolver.wrapped_func
        )
        self.arguments = Arguments(schema, field, declared, details[0].node, variables)
        self._raw = _RawInfo(
            executor.schema,
            executor.fragment_definitions,
            field.type,
            [one.node for one in details],
        )

    def call(self, context: Context, arguments: dict[str, Any]) -> Awaitable[Any]:
        """The resolver's result. The root has no value, and its resolvers no use of one."""
        return self._resolve(None, info=_Info(context, self._raw), **arguments)

    def build(self, result: Any, context: Context) -> dict[str, Any] | None:
        if result is None and self._is_nullable:
            return None
        return self._build(result, context.known)


class _RawInfo:
    """What `prefetch` asks about the running field."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: dict[str, FragmentDefinitionNode],
        return_type: Any,
        field_nodes: list[Any],
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.return_type = return_type
        self.field_nodes = field_nodes


class _Info:
    """The part of `Info` that our resolvers use; at another attribute the plan gives up."""

    __slots__ = ("_raw_info", "context")

    def __init__(self, context: Context, raw: _RawInfo) -> None:
        self.context = context
        self._raw_info = raw


def plan_query(schema: strawberry.Schema, executor: PlainExecutor) -> Plan | None:
    """The plan of the operation that this executor is for; None when it cannot be planned."""
    try:
        return Plan(schema, executor)
    except NotPlanned:
        return None
