"""What every body and query must be before anything else looks at it: bounded, and storable."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from shared.errors import Invalid

_LARGEST_BODY = 2 * 1024 * 1024
_NUL = "\0"


class BodyTooLarge(Invalid):
    status = 413
    code = "too_large"


class BodyRoute(APIRoute):
    """Route class for routes that take a body and are neither commands nor plain reads."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        run = super().get_route_handler()

        async def handle(request: Request) -> Response:
            await take_body(request)
            return await run(request)

        return handle


async def take_body(request: Request) -> bytes:
    """The whole body, kept for whoever asks the request for it. Refused: one that is too large,
    and JSON with U+0000 in a text, which PostgreSQL keeps nowhere and a sealed text would hide."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > _LARGEST_BODY:
        raise BodyTooLarge(f"the body may have {_LARGEST_BODY} bytes")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise BodyTooLarge(f"the body may have {_LARGEST_BODY} bytes")
    request._body = bytes(body)  # where `Request.body`, which knows no limit, keeps it
    if b"\\u0000" in request._body:
        _refuse_nul(request._body)
    return request._body


def unfit_parameter(query: bytes) -> str | None:
    """The first query parameter with U+0000 in its name or value, without it."""
    if b"%00" not in query and b"\0" not in query:
        return None
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return next((_shown(name) for name, value in pairs if _NUL in name or _NUL in value), None)


def _refuse_nul(body: bytes) -> None:
    try:
        document = orjson.loads(body)
    except ValueError:
        return  # for whoever reads it to refuse
    pointer = next(_pointers(document, ""), None)
    if pointer is not None:
        raise Invalid("a text must not contain U+0000", field=pointer)


def _pointers(value: Any, pointer: str) -> Iterator[str]:
    """Where U+0000 is, as JSON Pointers. orjson has bounded the depth."""
    if isinstance(value, str):
        if _NUL in value:
            yield pointer
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _pointers(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for name, item in value.items():
            below = f"{pointer}/{_shown(name).replace('~', '~0').replace('/', '~1')}"
            if _NUL in name:
                yield below
            yield from _pointers(item, below)


def _shown(name: str) -> str:
    return name.replace(_NUL, "")[:100]
