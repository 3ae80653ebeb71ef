"""How connectors call platforms: bounded in time, no redirects, faults as TryLater."""

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from content_svc.connectors import TryLater
from shared.clock import now

_LONGEST_PAUSE = timedelta(days=1)


def create_client(timeout_seconds: float) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        timeout=httpx.Timeout(timeout_seconds, connect=min(5.0, timeout_seconds)),
        follow_redirects=False,
        trust_env=False,
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
    )


async def call(
    client: httpx.AsyncClient, method: str, url: str, **arguments: Any
) -> dict[str, Any]:
    """The JSON object of a 200 answer; TryLater for anything that says nothing about the effect."""
    try:
        answer = await client.request(method, url, **arguments)
    except httpx.HTTPError as error:
        raise TryLater(type(error).__name__.lower()) from error
    if answer.status_code == 429:
        raise TryLater("rate_limited", after=retry_after(answer))
    if answer.status_code != 200:
        raise TryLater(f"http_{answer.status_code}", after=retry_after(answer))
    try:
        body = answer.json()
    except ValueError as error:
        raise TryLater("unreadable_answer") from error
    if not isinstance(body, dict):
        raise TryLater("unreadable_answer")
    return body


def retry_after(answer: httpx.Response) -> timedelta | None:
    """The `Retry-After` header (RFC 9110, 10.2.3) as a pause of at most a day."""
    value = answer.headers.get("retry-after", "").strip()
    try:
        if value.isdecimal():
            asked = timedelta(seconds=int(value))
        else:
            asked = parsedate_to_datetime(value) - now()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(asked, timedelta(0)), _LONGEST_PAUSE)
