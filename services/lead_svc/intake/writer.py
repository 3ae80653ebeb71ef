"""Group commit: while one batch is being written, the next one gathers; no timer is needed.

A request appends its receipt and waits for its future. The writer takes all that waits, up to a
limit, writes it in one transaction and resolves the futures. So a lone request is not delayed,
and under load one commit carries hundreds of leads.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Gauge, Histogram

from lead_svc.intake import statement
from lead_svc.intake.deliveries import NewReceipt
from shared.errors import Overloaded

LARGEST_BATCH = 500
LARGEST_BATCH_BYTES = 8 * 1024 * 1024
MOST_WAITING = 4_000
MOST_WAITING_BYTES = 64 * 1024 * 1024

DEADLINE_SECONDS = 4.0
"""WeCom and Douyin give five seconds. After ours the receipt may still be written: the platform
repeats, and the repeat finds it."""
SWEEP_SECONDS = 0.1

_ATTEMPTS = 3
_STATEMENT_SECONDS = 5.0
_TRANSIENT = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a backend that dies between two statements shows so, too
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
)
"""The batch is not at fault: repeat it as it is. What was written before the error shows as a
repeat, for the receipts are unique."""

UNKNOWN = "the delivery may not be stored"

BATCH = Histogram(
    "kos_intake_batch_rows", "Receipts per commit", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500)
)
WAITING = Gauge("kos_intake_waiting", "Receipts that wait for the writer")

log = structlog.get_logger(__name__)


class IntakeFull(Overloaded):
    """More waits to be written than may; the platform is to repeat."""

    code = "intake_full"


class IntakeUnavailable(Overloaded):
    """The receipt may or may not be written; a repeat is harmless."""

    code = "intake_unavailable"


class NotStorable(Exception):
    """The database refuses this one receipt, even without its leads."""


class Writer:
    """Owns one connection of the intake role. `run` works until `stop` and all is written."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._waiting: deque[tuple[NewReceipt, asyncio.Future[bool]]] = deque()
        self._waiting_bytes = 0
        self._open: deque[tuple[float, asyncio.Future[bool]]] = deque()
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._connection: asyncpg.Connection | None = None

    async def write(self, receipt: NewReceipt) -> bool:
        """Wait until the receipt is durable, at most DEADLINE_SECONDS; False if it is a repeat.

        Giving up waiting does not take the receipt back. Raises IntakeFull (nothing written),
        IntakeUnavailable (unknown) or NotStorable (nothing written).
        """
        is_full = len(self._waiting) >= MOST_WAITING or self._waiting_bytes >= MOST_WAITING_BYTES
        if self._is_stopping or is_full:
            raise IntakeFull("too many deliveries wait to be stored")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((receipt, future))
        self._open.append((loop.time() + DEADLINE_SECONDS, future))
        self._waiting_bytes += len(receipt.payload)
        WAITING.set(len(self._waiting))
        self._wake.set()
        return await future

    def stop(self) -> None:
        """Take no more; what waits is still written."""
        self._is_stopping = True
        self._wake.set()

    async def run(self) -> None:
        sweeping = asyncio.create_task(self._sweep(), name="intake-deadlines")
        try:
            while self._waiting or not self._is_stopping:
                if not self._waiting:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                batch = self._take()
                outcomes = await self._outcomes([receipt for receipt, _ in batch])
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    settle(future, outcome)
        finally:
            sweeping.cancel()
            self._disconnect()

    async def _sweep(self) -> None:
        """Answer whom the database keeps waiting too long. One look at the oldest now and then,
        for a timer of its own costs each request more than its signature does."""
        loop = asyncio.get_running_loop()
        while True:
            now, open_ = loop.time(), self._open
            while open_ and (open_[0][1].done() or open_[0][0] <= now):
                settle(open_.popleft()[1], IntakeUnavailable(UNKNOWN))
            await asyncio.sleep(SWEEP_SECONDS)

    def _take(self) -> list[tuple[NewReceipt, asyncio.Future[bool]]]:
        batch: list[tuple[NewReceipt, asyncio.Future[bool]]] = []
        size = 0
        while self._waiting and len(batch) < LARGEST_BATCH and size < LARGEST_BATCH_BYTES:
            item = self._waiting.popleft()
            size += len(item[0].payload)
            batch.append(item)
        self._waiting_bytes -= size
        WAITING.set(len(self._waiting))
        return batch

    async def _outcomes(self, receipts: Sequence[NewReceipt]) -> list[bool | Exception]:
        try:
            return await self._write(receipts)
        except Exception:
            # A writer that died of a bug would leave every request after this one waiting.
            log.exception("intake_failed", count=len(receipts))
            self._disconnect()
            return [IntakeUnavailable(UNKNOWN) for _ in receipts]

    async def _write(self, receipts: Sequence[NewReceipt]) -> list[bool | Exception]:
        """One outcome per receipt; a batch that fails is halved until the receipt at fault is
        alone, and that one is kept in quarantine instead."""
        try:
            written = await self._attempt(receipts)
        except _TRANSIENT as error:
            log.warning("intake_unavailable", error=type(error).__name__, count=len(receipts))
            return [IntakeUnavailable(UNKNOWN) for _ in receipts]
        except asyncpg.PostgresError as error:
            if len(receipts) == 1:
                return [await self._quarantine(receipts[0], error)]
            middle = len(receipts) // 2
            return await self._write(receipts[:middle]) + await self._write(receipts[middle:])
        BATCH.observe(len(receipts))
        return [receipt.id in written for receipt in receipts]

    async def _quarantine(
        self, receipt: NewReceipt, error: asyncpg.PostgresError
    ) -> bool | Exception:
        code = error.sqlstate or type(error).__name__
        log.error("receipt_not_storable", subject_id=str(receipt.id), code=code)
        try:
            written = await self._attempt([receipt.quarantined(f"not storable: {code}")])
        except _TRANSIENT:
            return IntakeUnavailable(UNKNOWN)
        except asyncpg.PostgresError:
            return NotStorable(code)
        return receipt.id in written

    async def _attempt(self, receipts: Sequence[NewReceipt]) -> set[UUID]:
        attempt = 1
        while True:
            try:
                return await statement.write(await self._connected(), receipts)
            except _TRANSIENT:
                self._disconnect()
                if attempt == _ATTEMPTS:
                    raise
            await asyncio.sleep(0.1 * attempt)
            attempt += 1

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._dsn,
                timeout=3,
                command_timeout=_STATEMENT_SECONDS,
                server_settings={"application_name": "lead_svc-intake"},
            )
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            # Not `close`: it would wait for a statement that hangs.
            self._connection.terminate()
            self._connection = None


def settle(future: asyncio.Future[bool], outcome: bool | Exception) -> None:
    if future.done():
        return  # its request gave up waiting
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
