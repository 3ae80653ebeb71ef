"""The HTTP edge of the hooks: `/hooks/{platform}/{connection_id}[/sub-path]`, in front of FastAPI.

Plain ASGI, because this is the hottest path of the platform (docs/scale.md). Answers are those of
the platforms; only what no platform defines is `application/problem+json`.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache

import asyncpg
import structlog
from opentelemetry.trace import SpanKind
from prometheus_client import Counter
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lead_svc.hooks import (
    MAX_BODY_BYTES,
    Answer,
    Check,
    Delivery,
    Refusal,
    Request,
    decode_query,
)
from lead_svc.intake.connections import OpenConnection
from lead_svc.intake.deliveries import new_receipt
from lead_svc.intake.intake import Intake
from lead_svc.intake.writer import NotStorable
from shared.clock import now
from shared.errors import Overloaded
from shared.ids import uuid7
from shared.tracing import request_id, span
from shared.web import problem_response
from shared.web.problems import MEDIA_TYPE, render_bug

PREFIX = "/hooks/"
REFUSED = Counter("kos_hook_refused_total", "Hooks refused", ["platform", "reason"])
DELIVERED = Counter("kos_hook_delivered_total", "Hooks stored", ["platform", "outcome"])
_delivered = cache(DELIVERED.labels)

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

log = structlog.get_logger(__name__)


class HookEdge:
    """Answers hooks itself and leaves every other path to the application behind it.

    The application's lifespan provides the state `intake`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        current = str(uuid7())
        token = request_id.set(current)
        try:
            with span("hook", kind=SpanKind.SERVER, traceparent=headers.get("traceparent")):
                answer = await answer_hook(scope["state"]["intake"], scope, headers, receive)
        except Exception as error:
            answer = answer_of(render_bug(error))
        finally:
            request_id.reset(token)
        await send_answer(answer, current, send)


async def answer_hook(
    intake: Intake, scope: Scope, headers: Mapping[str, str], receive: Receive
) -> Answer:
    platform, _, rest = scope["path"].removeprefix(PREFIX).partition("/")
    connection_id, _, path = rest.partition("/")
    try:
        connection = await intake.connections.find(connection_id)
    except UNREACHABLE:
        return problem(503, "intake_unavailable", "the connection cannot be looked up")
    if connection is None or connection.source.platform != platform:
        return problem(404, "not_found", "no such connection")
    body = await read_body(headers, receive)
    if body is None:
        return problem(413, "too_large", f"the body may have {MAX_BODY_BYTES} bytes")

    request = Request(
        method=scope["method"],
        path=path,
        query=decode_query(scope["query_string"]),
        headers=headers,
        body=body,
    )
    received_at = now()
    result = connection.hook.receive(request, received_at)
    if isinstance(result, Check):
        return result.answer
    if isinstance(result, Refusal):
        REFUSED.labels(platform, result.reason).inc()
        log.warning(
            "hook_refused",
            platform=platform,
            connection_id=connection_id,
            reason=result.reason,
        )
        return result.answer
    return await store(intake, connection, result, received_at)


async def store(
    intake: Intake, connection: OpenConnection, delivery: Delivery, received_at: datetime
) -> Answer:
    """Answer as the platform wants, once the delivery is durable and not before."""
    receipt = new_receipt(intake.vault, connection.source, delivery, received_at)
    try:
        is_new = await intake.writer.write(receipt)
    except Overloaded as error:
        return problem(error.status, error.code, error.message)
    except NotStorable:
        return problem(500, "internal", "the delivery cannot be stored; quote the request id")
    _delivered(receipt.platform, receipt.status.value if is_new else "repeat").inc()
    return delivery.answer


async def read_body(headers: Mapping[str, str], receive: Receive) -> bytes | None:
    """The raw body, read once; None as soon as it is over the cap."""
    declared = headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > MAX_BODY_BYTES:
        return None
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(chunks)
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def problem(status: int, code: str, detail: str) -> Answer:
    return answer_of(problem_response(status, code, detail))


def answer_of(response: Response) -> Answer:
    kept = ("retry-after",)
    return Answer(
        response.status_code,
        bytes(response.body),
        MEDIA_TYPE,
        tuple((name, value) for name, value in response.headers.items() if name in kept),
    )


async def send_answer(answer: Answer, current: str, send: Send) -> None:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-request-id", current.encode()),
        *((name.encode(), value.encode()) for name, value in answer.headers),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
