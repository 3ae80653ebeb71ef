"""How connectors call platforms: bounded in time, no redirects, faults as TryLater."""

from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson

from content_svc.connectors import TryLater
from shared.clock import now

FAULTS = (aiohttp.ClientError, TimeoutError)
"""What a call ends in that says nothing about its effect."""

_LONGEST_PAUSE = timedelta(days=1)


def create_client(timeout_seconds: float) -> aiohttp.ClientSession:
    """Made in the event loop that uses it. A film may take four times as long to upload."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(
            total=4 * timeout_seconds,
            sock_connect=min(5.0, timeout_seconds),
            sock_read=timeout_seconds,
        ),
        connector=aiohttp.TCPConnector(limit=64, keepalive_timeout=4),
        # the accounts of all brands call through it
        cookie_jar=aiohttp.DummyCookieJar(),
        json_serialize=_to_json,
    )


def _to_json(body: Any) -> str:
    return orjson.dumps(body).decode()


async def call(
    client: aiohttp.ClientSession, method: str, url: str, **arguments: Any
) -> dict[str, Any]:
    """The JSON object of a 200 answer; TryLater for anything that says nothing about the effect."""
    try:
        async with client.request(method, url, allow_redirects=False, **arguments) as answer:
            if answer.status == 429:
                raise TryLater("rate_limited", after=retry_after(answer.headers))
            if answer.status != 200:
                raise TryLater(f"http_{answer.status}", after=retry_after(answer.headers))
            content = await answer.read()
    except FAULTS as error:
        raise TryLater(type(error).__name__.lower()) from error
    try:
        body = orjson.loads(content)
    except ValueError as error:
        raise TryLater("unreadable_answer") from error
    if not isinstance(body, dict):
        raise TryLater("unreadable_answer")
    return body


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The `Retry-After` header (RFC 9110, 10.2.3) as a pause of at most a day."""
    value = headers.get("retry-after", "").strip()
    try:
        if value.isdecimal():
            asked = timedelta(seconds=int(value))
        else:
            asked = parsedate_to_datetime(value) - now()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(asked, timedelta(0)), _LONGEST_PAUSE)
