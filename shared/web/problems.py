"""Refusals as `application/problem+json` (RFC 9457), rendered in one place."""

from http import HTTPStatus
from typing import Any

import asyncpg
import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from shared.database import is_out_of_range, is_outage, is_unfit_text
from shared.errors import Overloaded, ServiceError, TooMany
from shared.idempotency import KeyInUse
from shared.tracing import request_id

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger(__name__)


class FieldError(BaseModel):
    """`pointer` is a JSON Pointer as a fragment (`#/target/unit_ids/0`)."""

    detail: str
    pointer: str


class Problem(BaseModel):
    """RFC 9457 problem details; `code` is stable, `field` and `errors` name the input at fault."""

    type: str
    status: int
    title: str
    detail: str
    code: str
    field: str | None = None
    errors: list[FieldError] = []
    request_id: str | None = None


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": title}
    for status, title in (
        (400, "Malformed"),
        (401, "Not authenticated"),
        (403, "Not allowed"),
        (404, "Not found, or of another brand"),
        (409, "In conflict with the present state"),
        (413, "Body too large"),
        (422, "Invalid input"),
        (503, "Overloaded or a dependency is away"),
    )
}
"""For `FastAPI(responses=…)`: every operation declares how it refuses."""


def problem_response(
    status: int,
    code: str,
    detail: str,
    *,
    field: str | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Response:
    body: dict[str, Any] = {
        "type": "about:blank",
        "status": status,
        # RFC 9457: without a type of its own, the phrase of the status.
        "title": HTTPStatus(status).phrase,
        "detail": detail,
        "code": code,
    }
    if field is not None:
        body["field"] = field
    if errors:
        body["errors"] = errors
    if request_id.get() is not None:
        body["request_id"] = request_id.get()
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status in (429, 503) or code == KeyInUse.code:
        headers["Retry-After"] = "1"
    return Response(orjson.dumps(body), status, headers, media_type=MEDIA_TYPE)


def render(error: ServiceError) -> Response:
    return problem_response(error.status, error.code, error.message, field=error.field)


def install(app: FastAPI) -> None:
    """Register the handlers; `RequestEdge` renders what they do not know."""
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(ClientDisconnect, _on_client_gone)
    app.add_exception_handler(HTTPException, _on_http_error)
    for kind in (DBAPIError, PoolTimeout, asyncpg.InterfaceError, asyncpg.PostgresError, OSError):
        app.add_exception_handler(kind, _on_database_error)


async def _on_service_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    if isinstance(error, TooMany | Overloaded):
        log.warning("refused", code=error.code)
    return render(error)


async def _on_validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        # pydantic's message may quote the input: keep what names the rule, not the value.
        {"detail": _reason(entry), "pointer": f"#{_pointer(entry['loc'])}"}
        for entry in error.errors()
    ]
    first = errors[0]
    status = 400 if error.errors()[0]["type"] == "json_invalid" else 422
    code = "malformed" if status == 400 else "invalid"
    return problem_response(
        status, code, first["detail"], field=first["pointer"].removeprefix("#"), errors=errors
    )


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    code = codes.get(error.status_code, "refused")
    response = problem_response(error.status_code, code, str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _on_client_gone(_: Request, __: Exception) -> Response:
    """Nobody reads it any more; it is no bug of ours either."""
    return problem_response(400, "body_broke_off", "the body ended before it was complete")


async def _on_database_error(_: Request, error: Exception) -> Response:
    if is_unfit_text(error):
        return problem_response(422, "invalid", "a text must not contain U+0000")
    if is_out_of_range(error):
        return problem_response(422, "invalid", "a time or a number is out of range")
    if not is_outage(error):
        return render_bug(error)
    log.warning("database_away", error=type(error).__name__)
    return problem_response(503, "unavailable", "a dependency is away; repeat with the same key")


def render_bug(error: Exception) -> Response:
    """What nobody foresaw: logged by type and place, masked for the caller."""
    log.error("unexpected", exc_info=error)
    return problem_response(500, "internal", "an unexpected error; quote the request id")


def _reason(entry: Any) -> str:
    return str(entry["msg"]).split(", got")[0][:200]


def _pointer(location: tuple[int | str, ...]) -> str:
    parts = location[1:] if location and location[0] in ("body", "query", "path") else location
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "/" + "/".join(escaped)
