"""Calls to the services: one function from bytes to bytes, with a deadline and bounded waiting."""

import asyncio
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from urllib.parse import urlsplit

import msgspec
from prometheus_client import Counter

from gateway.credentials import Caller
from gateway.pool import Pool, QueueFull
from shared.tracing import current_traceparent, request_id

CALLS = Counter("kos_gateway_upstream_calls_total", "Calls to services", ["service", "outcome"])

_HEAD = re.compile(r"[A-Z]+ [!-~]+ HTTP/1\.1\r\n(?:[A-Za-z-]+: [ -~]*\r\n)+\r\n")
"""A request's head as it may leave: no value in it can begin a line of its own."""


class Service(StrEnum):
    ACCOUNT = "account_svc"
    CONTENT = "content_svc"
    LEAD = "lead_svc"


class Problem(msgspec.Struct, gc=False):
    """RFC 9457 problem details as the services send them."""

    code: str
    detail: str
    field: str | None = None


class Refused(Exception):
    """A service said no for a reason the caller can act on."""

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.field = field


class Unavailable(Exception):
    """A service cannot be reached, is too slow, overloaded or broken."""

    def __init__(self, service: Service, reason: str, status: int | None = None) -> None:
        super().__init__(f"{service}: {reason}")
        self.service = service
        self.reason = reason
        self.status = status
        """What the service answered, if it did."""


class Upstream:
    """The three services behind one `fetch`."""

    def __init__(
        self,
        urls: Mapping[Service, str],
        *,
        connections: int,
        waiting: int,
        seconds: float,
    ) -> None:
        self._pools: dict[Service, Pool] = {}
        self._hosts: dict[Service, tuple[str, str]] = {}
        for service, url in urls.items():
            self._pools[service] = Pool(
                url,
                partial(_finish, service, CALLS.labels(service, "ok")),
                connections=connections,
                waiting=waiting,
                seconds=seconds,
            )
            parts = urlsplit(url)
            self._hosts[service] = parts.path.rstrip("/"), parts.netloc.rpartition("@")[2]

    def fetch(
        self,
        service: Service,
        method: str,
        path: str,
        caller: Caller,
        body: bytes | None = None,
        *,
        is_read: bool,
        idempotency_key: str | None = None,
    ) -> asyncio.Future[bytes]:
        """Send at once; await the body of a 2xx answer, Refused or Unavailable.

        A read, or a command with a key, is repeated once when the service hung up before it
        answered, as it does with idle connections; the key makes the repeat have no second effect.
        Several calls that are begun before the first is awaited run side by side.
        """
        headers = f"authorization: Bearer {caller.service_token()}\r\n"
        if idempotency_key is not None:
            headers += f"idempotency-key: {idempotency_key}\r\n"
        current = request_id.get()
        if current is not None:
            headers += f"x-request-id: {current}\r\n"
        traceparent = current_traceparent()
        if traceparent is not None:
            headers += f"traceparent: {traceparent}\r\n"
        is_repeatable = is_read or idempotency_key is not None
        return self._send(service, method, path, headers, body, is_repeatable)

    def check(self, service: Service) -> asyncio.Future[bytes]:
        """Reach the service's `/healthz`; raises when that fails."""
        return self._send(service, "GET", "/healthz", "", None, True)

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.close()

    def _send(
        self,
        service: Service,
        method: str,
        path: str,
        headers: str,
        body: bytes | None,
        is_repeatable: bool,
    ) -> asyncio.Future[bytes]:
        base, host = self._hosts[service]
        head = f"{method} {base}{path} HTTP/1.1\r\nhost: {host}\r\n{headers}"
        if body is not None:
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        head += "\r\n"
        if _HEAD.fullmatch(head) is None:
            raise ValueError("a path or header that would not stay in its line")
        message = head.encode("ascii") + (body or b"")
        try:
            return self._pools[service].send(message, is_repeatable=is_repeatable)
        except QueueFull:
            CALLS.labels(service, "queue_full").inc()
            refused = asyncio.get_running_loop().create_future()
            refused.set_exception(Unavailable(service, "overloaded"))
            return refused


def _finish(service: Service, answered: Counter, outcome: tuple[int, bytes] | Exception) -> bytes:
    """The body of a good answer; what the caller gets raised for anything else."""
    if isinstance(outcome, TimeoutError):
        CALLS.labels(service, "timeout").inc()
        raise Unavailable(service, "too slow") from outcome
    if isinstance(outcome, Exception):
        CALLS.labels(service, "unreachable").inc()
        raise Unavailable(service, "unreachable") from outcome
    status, answer = outcome
    if 200 <= status < 300:
        answered.inc()
        return answer
    # 401: the service does not take our own token, which no caller can mend.
    if status >= 500 or status < 400 or status == 401:
        CALLS.labels(service, "failed").inc()
        raise Unavailable(service, f"answered {status}", status)
    CALLS.labels(service, "refused").inc()
    try:
        problem = msgspec.json.decode(answer, type=Problem)
    except msgspec.DecodeError:
        raise Unavailable(service, f"answered {status} without a reason", status) from None
    raise Refused(status, problem.code, problem.detail, problem.field)
