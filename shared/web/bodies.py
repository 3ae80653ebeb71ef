"""What every body and query must be before anything else looks at it: bounded, and storable."""

import json
import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from shared.errors import Invalid

NUL_REFUSED = "a text must not contain U+0000"
_LARGEST_BODY = 2 * 1024 * 1024
_NUL = "\0"
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""What U+0000 and half of a surrogate pair are written as in JSON; a whole pair begins so too."""


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
    and JSON with a text that is none: with half of a surrogate pair, which has no UTF-8, or with
    U+0000, which PostgreSQL keeps nowhere and a sealed text would hide."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > _LARGEST_BODY:
        raise BodyTooLarge(f"the body may have {_LARGEST_BODY} bytes")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise BodyTooLarge(f"the body may have {_LARGEST_BODY} bytes")
    request._body = bytes(body)  # where `Request.body`, which knows no limit, keeps it
    if _SUSPECT.search(request._body):
        _refuse_unfit(request._body)
    return request._body


def unfit_parameter(query: bytes) -> str | None:
    """The first query parameter with U+0000 in its name or value, without it."""
    if b"%00" not in query and b"\0" not in query:
        return None
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return next((_shown(name) for name, value in pairs if _NUL in name or _NUL in value), None)


def _refuse_unfit(body: bytes) -> None:
    try:
        unfit = next(_unfit(json.loads(body), ""), None)
    except (ValueError, RecursionError):
        return  # for whoever reads it to refuse
    if unfit is not None:
        reason, pointer = unfit
        raise Invalid(reason, field=pointer)


def _reason(text: str) -> str | None:
    if _NUL in text:
        return NUL_REFUSED
    try:
        text.encode()
    except UnicodeEncodeError:
        return "a text must not contain half of a surrogate pair"
    return None


def _unfit(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Why a text is none, and where as a JSON Pointer."""
    if isinstance(value, str):
        if reason := _reason(value):
            yield reason, pointer
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unfit(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for name, item in value.items():
            below = f"{pointer}/{_shown(name).replace('~', '~0').replace('/', '~1')}"
            if reason := _reason(name):
                yield reason, below
            yield from _unfit(item, below)


def _shown(name: str) -> str:
    return name.replace(_NUL, "").encode(errors="replace").decode()[:100]
