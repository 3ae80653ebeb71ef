"""`/graphql` over HTTP: body in, result out, by GraphQL over HTTP (draft, August 2026).

Statuses are those of the earlier drafts (200 and 400 instead of 294 and 422), which clients know,
unless `draft_statuses` is set.
"""

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import msgspec
import orjson
from graphql import ExecutionResult
from starlette.types import Receive, Scope, Send

from gateway.credentials import Credentials, VerifyKey
from gateway.edge.operations import GraphQLRequest, Operations
from gateway.edge.refusals import RequestRefused, nothing_ran
from gateway.edge.sse import send_events
from shared.errors import ServiceError
from shared.tracing import request_id

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"

NOT_READ = ("not_json", "syntax")
"""Codes of what is 400 in every draft."""

_decode = msgspec.json.Decoder(GraphQLRequest).decode


class GraphQLEndpoint:
    """A plain ASGI application for one path."""

    def __init__(
        self,
        operations: Operations,
        credentials: Credentials,
        verify_key: VerifyKey,
        *,
        most_bytes: int,
        draft_statuses: bool = False,
    ) -> None:
        self._operations = operations
        self._credentials = credentials
        self._verify_key = verify_key
        self._most_bytes = most_bytes
        self._draft_statuses = draft_statuses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        media_type = JSON
        try:
            _check_method(scope["method"])
            media_type = negotiate(headers.get(b"accept", ""))
            await self._answer(headers, media_type, receive, send)
        except RequestRefused as refused:
            if self._draft_statuses and refused.status == 400 and refused.code not in NOT_READ:
                refused.status = 422
            await _send_refusal(send, refused, media_type)
        except ServiceError as error:
            told = RequestRefused(error.status, error.code, error.message)
            if error.status == 401:
                told.headers["www-authenticate"] = "Bearer"
            await _send_refusal(send, told, media_type)

    async def _answer(
        self, headers: dict[bytes, str], media_type: str, receive: Receive, send: Send
    ) -> None:
        _check_content_type(headers.get(b"content-type", ""))
        body = await self._read_body(headers, receive)
        authorization = headers.get(b"authorization")
        caller = await self._credentials.verify(authorization, self._verify_key)
        request = _read_request(body)
        current = request_id.get() or ""
        if media_type == EVENT_STREAM:
            try:
                admitted = self._operations.admit(caller, request)
            except RequestRefused as refused:
                if refused.status != 400:
                    raise
                # graphql-sse: an EventSource shows its page nothing of an answer with a 4xx.
                results = _only(ExecutionResult(data=None, errors=refused.errors))
                await send_events(results, receive, send, refused.headers)
                return
            renew = partial(self._credentials.verify, authorization, self._verify_key)
            results = self._operations.stream(admitted, current, renew)
            await send_events(results, receive, send, admitted.rate_headers)
            return
        admitted = self._operations.admit(caller, request)
        if admitted.is_subscription:
            raise RequestRefused(
                400, "not_a_stream", f"subscriptions need {EVENT_STREAM} or a WebSocket"
            )
        result = await self._operations.run(admitted, current)
        answer: dict[str, Any] = {}
        status = 200
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
            if nothing_ran(result):
                status = 422 if self._draft_statuses else 400  # the variables do not fit
            elif self._draft_statuses:
                status = 294
        if status < 300:
            answer["data"] = result.data
        await _send(send, status, orjson.dumps(answer), media_type, admitted.rate_headers)

    async def _read_body(self, headers: dict[bytes, str], receive: Receive) -> bytes:
        declared = headers.get(b"content-length", "0")
        too_big = RequestRefused(413, "too_large", f"a request may have {self._most_bytes} bytes")
        if declared.isdecimal() and int(declared) > self._most_bytes:
            raise too_big
        message = await receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body", False):
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._most_bytes:
                raise too_big
        return body


def negotiate(accept: str) -> str:
    """The media type of the answer: the client's first choice among those we make."""
    if not accept:
        return JSON
    best, best_quality = "", 0.0
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        if name in ("*/*", "application/*"):
            name = JSON
        if name in (GRAPHQL_RESPONSE, JSON, EVENT_STREAM) and quality > best_quality:
            best, best_quality = name, quality
    if not best:
        raise RequestRefused(
            406, "not_acceptable", f"answers are {GRAPHQL_RESPONSE}, {JSON} or {EVENT_STREAM}"
        )
    return best


def _check_method(method: str) -> None:
    if method != "POST":
        raise RequestRefused(
            405, "method_not_allowed", "send operations by POST", headers={"allow": "POST"}
        )


def _check_content_type(content_type: str) -> None:
    # Forms and text/plain could be sent by a foreign page without asking (CSRF).
    name, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower()
    if name.strip().lower() != JSON or charset not in ("", "charset=utf-8", 'charset="utf-8"'):
        raise RequestRefused(415, "unsupported_media_type", f"send {JSON} in UTF-8")


def _read_request(body: bytes) -> GraphQLRequest:
    try:
        return _decode(body)
    except msgspec.ValidationError as error:
        if body.lstrip()[:1] == b"[":
            raise RequestRefused(400, "batching_off", "send one operation at a time") from None
        raise RequestRefused(400, "malformed", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RequestRefused(400, "not_json", "the body is not JSON") from None
    except RecursionError:
        raise RequestRefused(400, "not_json", "the body is nested too deeply") from None


async def _only(result: ExecutionResult) -> AsyncGenerator[ExecutionResult, None]:
    yield result


async def _send_refusal(send: Send, refused: RequestRefused, media_type: str) -> None:
    body = orjson.dumps({"errors": [error.formatted for error in refused.errors]})
    if media_type == EVENT_STREAM or refused.status in (401, 403):
        # A GraphQL response never has these statuses: the caller did not get as far as GraphQL.
        media_type = JSON
    await _send(send, refused.status, body, media_type, refused.headers)


async def _send(
    send: Send, status: int, body: bytes, media_type: str, headers: dict[str, str]
) -> None:
    raw = [
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"vary", b"accept"),
        *((name.encode(), value.encode()) for name, value in headers.items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
