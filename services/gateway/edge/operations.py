"""From a verified caller and a request to results: limits, budget, execution, masking."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, cast

import msgspec
import strawberry
from graphql import ExecutionResult, GraphQLError, execute, subscribe
from strawberry.execution import optimized_is_awaitable

from gateway.context import Context
from gateway.credentials import Caller
from gateway.edge.budget import Budget
from gateway.edge.compiled import PlainExecutor
from gateway.edge.documents import Document, Documents, Operation, is_subscription
from gateway.edge.planned import Plan, plan_query
from gateway.edge.refusals import RequestRefused, shown
from gateway.feed import Feed
from gateway.rows import Kind
from gateway.upstream import Upstream

Renew = Callable[[], Awaitable[object]]


class GraphQLRequest(msgspec.Struct, gc=False):
    """The members of a GraphQL-over-HTTP body; unknown ones are ignored."""

    query: str | None = None
    document_id: str | None = msgspec.field(default=None, name="documentId")
    operation_name: str | None = msgspec.field(default=None, name="operationName")
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


@dataclass(slots=True)
class Admitted:
    """An operation that may run."""

    caller: Caller
    request: GraphQLRequest
    document: Document
    operation: Operation
    rate_headers: dict[str, str]

    @property
    def is_subscription(self) -> bool:
        return is_subscription(self.operation)


class Operations:
    def __init__(
        self,
        schema: strawberry.Schema,
        documents: Documents,
        budget: Budget,
        upstream: Upstream,
        feed: Feed,
        kinds: dict[str, Kind[Any]],
        *,
        seconds: float,
        trusted_only: bool,
        hide_suggestions: bool,
    ) -> None:
        self._schema = schema
        self._documents = documents
        self._budget = budget
        self._upstream = upstream
        self._feed = feed
        self._kinds = kinds
        self._seconds = seconds
        self._trusted_only = trusted_only
        self._hide_suggestions = hide_suggestions

    def admit(self, caller: Caller, request: GraphQLRequest) -> Admitted:
        """Find the document, measure it, charge the caller; raises RequestRefused."""
        if request.document_id is not None:
            text = self._documents.trusted(request.document_id)
        elif request.query is None:
            raise RequestRefused(400, "malformed", "send `query` or `documentId`")
        elif self._trusted_only and caller.principal.scopes is None:
            raise RequestRefused(400, "untrusted_document", "send the `documentId` of a known one")
        else:
            text = request.query
            self._budget.spend(caller.principal, self._documents.reading_cost(text))
        document, operation, cost = self._documents.prepare(
            text, request.operation_name, request.variables or {}
        )
        headers = self._budget.spend(caller.principal, cost)
        return Admitted(caller, request, document, operation, headers)

    async def run(self, admitted: Admitted, request_id: str) -> ExecutionResult:
        """The result of a query or mutation; raises RequestRefused when it takes too long."""
        context = self._context(admitted, request_id)
        try:
            async with asyncio.timeout(self._seconds):
                plan = self._plan(admitted)
                if plan is not None:
                    data = await plan.run(context, admitted.request.variables or {})
                    if data is not None:
                        return ExecutionResult(data=data)
                running = execute(
                    self._schema._schema,
                    admitted.document.node,
                    context_value=context,
                    variable_values=admitted.request.variables,
                    operation_name=admitted.request.operation_name,
                    is_awaitable=cast("Any", optimized_is_awaitable),
                    executor_class=cast("Any", PlainExecutor),
                    hide_suggestions=self._hide_suggestions,
                )
                result = await running if isawaitable(running) else running
        except TimeoutError:
            raise RequestRefused(503, "timeout", "the operation took too long") from None
        return self._masked(result, request_id)

    def _plan(self, admitted: Admitted) -> Plan | None:
        """The plan of the operation, made at its first run with variables that fit."""
        operation = admitted.operation
        if not operation.is_planned:
            executor = PlainExecutor.build(
                self._schema._schema,
                admitted.document.node,
                raw_variable_values=admitted.request.variables,
                operation_name=admitted.request.operation_name,
            )
            if isinstance(executor, list):
                return None
            operation.plan = plan_query(self._schema, cast("PlainExecutor", executor))
            operation.is_planned = True
        return operation.plan

    async def stream(
        self, admitted: Admitted, request_id: str, renew: Renew
    ) -> AsyncGenerator[ExecutionResult, None]:
        """The results of a subscription; the one result of anything else.

        `renew` verifies the credential again for each result: a stream does not outlive it.
        """
        if not admitted.is_subscription:
            yield await self.run(admitted, request_id)
            return
        started = subscribe(
            self._schema._schema,
            admitted.document.node,
            context_value=self._context(admitted, request_id),
            variable_values=admitted.request.variables,
            operation_name=admitted.request.operation_name,
            executor_class=cast("Any", PlainExecutor),
            hide_suggestions=self._hide_suggestions,
        )
        source = await started if isawaitable(started) else started
        if isinstance(source, ExecutionResult):
            yield self._masked(source, request_id)
            return
        try:
            async for result in source:
                await renew()
                yield self._masked(result, request_id)
        except Exception as error:
            wrapped = GraphQLError(str(error), original_error=error)
            yield self._masked(ExecutionResult(data=None, errors=[wrapped]), request_id)
        finally:
            await cast("AsyncGenerator[ExecutionResult, None]", source).aclose()

    def _context(self, admitted: Admitted, request_id: str) -> Context:
        return Context(
            caller=admitted.caller,
            upstream=self._upstream,
            kinds=self._kinds,
            feed=self._feed,
            request_id=request_id,
            plans=admitted.document.plans,
            compiled=admitted.document.compiled,
        )

    def _masked(self, result: ExecutionResult, request_id: str) -> ExecutionResult:
        if result.errors:
            result.errors = [shown(error, request_id) for error in result.errors]
        return result
