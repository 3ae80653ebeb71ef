"""Errors of an operation: what the edge refuses, what a service refused, and masked bugs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from graphql import ExecutionResult, GraphQLError, SourceLocation

from gateway.feed import FellBehind
from gateway.upstream import Refused, Unavailable
from shared.errors import ServiceError

_UNFIT_VARIABLE = "Variable '$"
"""How graphql-core begins to say that a variable does not fit."""

log = structlog.get_logger(__name__)


class RequestRefused(Exception):
    """The request is not run at all; `status` is for HTTP."""

    def __init__(
        self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    @property
    def errors(self) -> list[GraphQLError]:
        return [GraphQLError(self.message, extensions={"code": self.code})]


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a document, without holding on to the document as a GraphQLError does."""

    message: str
    locations: list[SourceLocation] | None

    def as_error(self, code: str) -> GraphQLError:
        error = GraphQLError(self.message, extensions={"code": code})
        error.locations = self.locations
        return error


class InvalidDocument(RequestRefused):
    """The document does not parse or does not fit the schema."""

    def __init__(self, code: str, flaws: Sequence[Flaw]) -> None:
        super().__init__(400, code, flaws[0].message)
        self._flaws = flaws

    @property
    def errors(self) -> list[GraphQLError]:
        return [flaw.as_error(self.code) for flaw in self._flaws]


def nothing_ran(result: ExecutionResult) -> bool:
    """Whether it failed before any field ran: such an answer has no `data`."""
    return result.data is None and all(error.path is None for error in result.errors or ())


def shown(error: GraphQLError, request_id: str) -> GraphQLError:
    """An error of a run as the client gets it: a service's refusal as it is, an outage by the name
    of the service, anything unforeseen masked and logged."""
    origin = error.original_error
    if isinstance(origin, Refused | ServiceError | RequestRefused):
        return _with(error, origin.message, code=origin.code)
    if isinstance(origin, Unavailable):
        log.warning("upstream_unavailable", service=origin.service, reason=origin.reason)
        message = f"{origin.service} does not answer; try again later"
        return _with(error, message, code="unavailable", requestId=request_id)
    if isinstance(origin, FellBehind):
        return _with(error, "too slow: events were missed, subscribe again", code="fell_behind")
    if isinstance(origin, GraphQLError) and error.message.startswith(_UNFIT_VARIABLE):
        return _with(error, _without_value(error.message))
    if origin is None or isinstance(origin, GraphQLError):
        return error
    log.error("unexpected", exc_info=origin)
    message = "an unexpected error; quote the request id"
    return _with(error, message, code="internal", requestId=request_id)


def _without_value(message: str) -> str:
    """What graphql-core says of a variable that does not fit, without what was in it: a telephone
    number in the wrong place must not reach the client's logs."""
    where, _, reason = message.partition(": ")
    if reason.startswith("Value "):
        return f"{where}: no such value"
    return f"{where}: {reason.partition(', found: ')[0].partition(': ')[0]}"


def _with(error: GraphQLError, message: str, **extensions: Any) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
