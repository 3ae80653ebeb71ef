"""Calls to the services: one function from bytes to bytes, with a deadline and bounded waiting."""

import asyncio
from collections.abc import Mapping
from enum import StrEnum

import aiohttp
import msgspec
import structlog
from prometheus_client import Counter
from yarl import URL

from gateway.credentials import Caller
from shared.tracing import current_traceparent, request_id

CALLS = Counter("kos_gateway_upstream_calls_total", "Calls to services", ["service", "outcome"])

_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)
"""One deadline around the whole call is enough."""

log = structlog.get_logger(__name__)


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
        session: aiohttp.ClientSession,
        urls: Mapping[Service, str],
        *,
        connections: int,
        waiting: int,
        seconds: float,
    ) -> None:
        self._session = session
        self._urls = {service: url.rstrip("/") for service, url in urls.items()}
        self._slots = {service: asyncio.Semaphore(connections) for service in urls}
        self._pending = dict.fromkeys(urls, 0)
        self._most_pending = connections + waiting
        self._seconds = seconds
        self._answered = {service: CALLS.labels(service, "ok") for service in urls}

    async def fetch(
        self,
        service: Service,
        method: str,
        path: str,
        caller: Caller,
        body: bytes | None = None,
        *,
        is_read: bool,
        idempotency_key: str | None = None,
    ) -> bytes:
        """The body of a 2xx answer; raises Refused or Unavailable.

        A read, or a command with a key, is repeated once when the service had closed the idle
        connection it was sent on; the key makes the repeat have no second effect.
        """
        if self._pending[service] >= self._most_pending:
            CALLS.labels(service, "queue_full").inc()
            raise Unavailable(service, "overloaded")
        headers = {"Authorization": f"Bearer {caller.service_token()}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        current = request_id.get()
        if current is not None:
            headers["X-Request-Id"] = current
        traceparent = current_traceparent()
        if traceparent is not None:
            headers["traceparent"] = traceparent
        self._pending[service] += 1
        try:
            async with asyncio.timeout(self._seconds), self._slots[service]:
                try:
                    status, answer = await self._send(service, method, path, headers, body)
                except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                    if not is_read and idempotency_key is None:
                        raise
                    status, answer = await self._send(service, method, path, headers, body)
        except TimeoutError as error:
            CALLS.labels(service, "timeout").inc()
            raise Unavailable(service, "too slow") from error
        except (aiohttp.ClientError, ConnectionResetError) as error:
            CALLS.labels(service, "unreachable").inc()
            raise Unavailable(service, "unreachable") from error
        finally:
            self._pending[service] -= 1
        if status < 300:
            self._answered[service].inc()
            return answer
        raise self._failure(service, status, answer)

    async def _send(
        self, service: Service, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        async with self._session.request(
            method,
            URL(self._urls[service] + path, encoded=True),
            headers=headers,
            data=body,
            timeout=_NO_TIMEOUT,
            allow_redirects=False,
        ) as response:
            return response.status, await response.read()

    def _failure(self, service: Service, status: int, answer: bytes) -> Exception:
        # 401: the service does not take our own token, which no caller can mend.
        if status >= 500 or status in (301, 302, 307, 308, 401):
            CALLS.labels(service, "failed").inc()
            return Unavailable(service, f"answered {status}", status)
        CALLS.labels(service, "refused").inc()
        try:
            problem = msgspec.json.decode(answer, type=Problem)
        except msgspec.DecodeError:
            return Unavailable(service, f"answered {status} without a reason", status)
        return Refused(status, problem.code, problem.detail, problem.field)

    async def check(self, service: Service) -> None:
        """Reach the service's `/healthz`; raises when that fails."""
        url = f"{self._urls[service]}/healthz"
        async with asyncio.timeout(self._seconds), self._session.get(url) as response:
            if response.status != 200:
                raise Unavailable(service, f"answered {response.status}")
