"""`/graphql` over WebSocket: Strawberry speaks graphql-transport-ws, we admit and run."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, cast

import msgspec
import orjson
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.unset import UnsetType

from gateway.credentials import Credentials, VerifyKey
from gateway.edge.operations import GraphQLRequest, Operations
from gateway.edge.refusals import RequestRefused
from shared.errors import ServiceError
from shared.ids import uuid7
from shared.tracing import request_id

_INIT_SECONDS = 10
_OPERATIONS_PER_CONNECTION = 20


OperationId = Annotated[str, Meta(min_length=1, max_length=200)]


class _ConnectionInit(msgspec.Struct, tag_field="type", tag="connection_init"):
    payload: dict[str, Any] | None = None


class _Ping(msgspec.Struct, tag_field="type", tag="ping"):
    payload: dict[str, Any] | None = None


class _Pong(msgspec.Struct, tag_field="type", tag="pong"):
    payload: dict[str, Any] | None = None


class _Subscribe(msgspec.Struct, tag_field="type", tag="subscribe"):
    id: OperationId
    payload: GraphQLRequest


class _Complete(msgspec.Struct, tag_field="type", tag="complete"):
    id: OperationId


_ClientMessage = _ConnectionInit | _Ping | _Pong | _Subscribe | _Complete


class _DocumentId(str):
    """Stands where the protocol handler expects the text of a document."""

    __slots__ = ()


class _Handler(BaseGraphQLTransportWSHandler["Connection", None]):
    async def handle_message(self, message: Message) -> None:
        """Close with 4400 for what the protocol does not know; the library trusts the shapes."""
        try:
            read = msgspec.convert(message, _ClientMessage)
        except msgspec.ValidationError:
            await self.handle_invalid_message("Invalid message")
            return
        fit: dict[str, Any] = dict(message)
        if isinstance(read, _ConnectionInit):
            fit["payload"] = read.payload or {}
        elif isinstance(read, _Subscribe):
            request = read.payload
            if request.query is None and request.document_id is None:
                await self.handle_invalid_message("Invalid message")
                return
            if request.document_id is not None:
                fit["payload"] = {**fit["payload"], "query": _DocumentId(request.document_id)}
        await super().handle_message(cast("Message", fit))


@dataclass(slots=True)
class Connection:
    """One WebSocket; `connection_init` fills in the parameters."""

    connection_params: dict[str, Any] | None = None
    authorization: str | None = None


class _Admitting:
    """Stands where the protocol handler expects a schema: runs operations as HTTP does."""

    def __init__(
        self, operations: Operations, credentials: Credentials, verify_key: VerifyKey
    ) -> None:
        self._operations = operations
        self._credentials = credentials
        self._verify_key = verify_key

    async def stream(
        self,
        query: str,
        variable_values: dict[str, Any] | None,
        context_value: Connection,
        root_value: object,  # noqa: ARG002 - the handler passes it
        operation_name: str | None,
    ) -> AsyncGenerator[ExecutionResult | PreExecutionError, None]:
        request = GraphQLRequest(operation_name=operation_name, variables=variable_values)
        if isinstance(query, _DocumentId):
            request.document_id = query
        else:
            request.query = query
        return self._results(request, context_value.authorization)

    async def _results(
        self, request: GraphQLRequest, authorization: str | None
    ) -> AsyncGenerator[ExecutionResult | PreExecutionError, None]:
        request_id.set(str(uuid7()))
        current = request_id.get() or ""

        async def renew() -> None:
            await self._credentials.verify(authorization, self._verify_key)

        try:
            caller = await self._credentials.verify(authorization, self._verify_key)
            admitted = self._operations.admit(caller, request)
            async for result in self._operations.stream(admitted, current, renew):
                yield ExecutionResult(data=result.data, errors=result.errors)
        except ServiceError as error:
            refused = RequestRefused(error.status, error.code, error.message)
            yield PreExecutionError(data=None, errors=refused.errors)
        except RequestRefused as refused:
            yield PreExecutionError(data=None, errors=refused.errors)


class WebSocketEndpoint(GraphQL[Connection, None]):
    graphql_transport_ws_handler_class = _Handler

    def __init__(
        self, operations: Operations, credentials: Credentials, verify_key: VerifyKey
    ) -> None:
        admitting: Any = _Admitting(operations, credentials, verify_key)
        super().__init__(
            admitting,
            graphql_ide=None,
            allow_queries_via_get=False,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=_INIT_SECONDS),
            max_subscriptions_per_connection=_OPERATIONS_PER_CONNECTION,
        )
        self._credentials = credentials
        self._verify_key = verify_key

    async def get_context(
        self,
        request: Request | WebSocket,  # noqa: ARG002 - the credential is in the first message
        response: Response | WebSocket,  # noqa: ARG002
    ) -> Connection:
        return Connection()

    async def on_ws_connect(self, context: Connection) -> UnsetType | dict[str, object] | None:
        """Take `authorization` from the payload; close with 4403 when it does not verify."""
        given = (context.connection_params or {}).get("authorization")
        context.authorization = given if isinstance(given, str) else None
        try:
            await self._credentials.verify(context.authorization, self._verify_key)
        except ServiceError as error:
            raise ConnectionRejectionError({"code": error.code}) from error
        return await super().on_ws_connect(context)

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    def encode_json(self, data: object) -> str | bytes:
        return orjson.dumps(data).decode()
