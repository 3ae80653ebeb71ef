"""How long work stands still after a kill or an outage: `python -m tests.chaos.recovery`.

Leads come in all the time, two a second. What is measured is when the work that came after the
moment in question was done, so a figure holds whatever a retry, a lock or a rebalance takes. What
Python needs to import is left out: a killed worker is forked anew.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.brands import open_chaos_brand
from tests.chaos.checker.collecting import database_url
from tests.chaos.checker.measuring import lags
from tests.chaos.ledger import Ledger
from tests.chaos.recovery_traffic import Traffic
from tests.chaos.stack import ChaosStack, open_stack
from tests.conftest import reachable_folder

_LOOK_SECONDS = 0.01
_LONGEST_SECONDS = 90.0
_CALM_SECONDS = 2.0
# beyond what they take to start again
_POSTGRES_AWAY_SECONDS = 1.0
_KAFKA_AWAY_SECONDS = 0.0
_SESSION_SECONDS = 10.0
ROWS = ("relay", "worker", "absence", "postgres", "kafka", "takeover")

Say = Callable[[str], None]


@dataclass
class Measured:
    """One row of the table; `seconds` of every round."""

    name: str
    seconds: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        if not self.seconds:
            return f"| {self.name} | - | - |"
        return (
            f"| {self.name} | {statistics.median(self.seconds):.2f} s | {max(self.seconds):.2f} s |"
        )


@dataclass
class Absence:
    """Kafka was away for `minutes`."""

    minutes: float
    accepted: int = 0
    refused: int = 0
    drained_after: float = 0.0


@dataclass
class Bench:
    stack: ChaosStack
    traffic: Traffic
    rounds: int
    say: Say
    announced_at: float = 0.0
    """When the newest event of a lead that was seen in Kafka had been committed."""
    leads: asyncpg.Connection | None = None

    async def relay_taken_over(self) -> Measured:
        """The worker that publishes is killed; the other one has it."""
        measured = Measured("relay: its owner is killed, the standby publishes")
        second = await self.stack.start_second_worker("lead")
        await self._until_ready(second)
        async with _Tail(self):
            for _ in range(self.rounds):
                await self._calm()
                owner = self._relay_owner("lead_worker", second)
                began = time.time()
                self.stack.kill(owner)
                await self._until(partial(self._is_announced_after, began))
                self._add(measured, time.time() - began)
                await self._until_ready(owner)
        await self._end_second(second)
        return measured

    async def worker_restarted(self) -> Measured:
        """The only worker is killed and begins anew, as the same static member."""
        measured = Measured("consumer: the worker is killed, its next life routes the next lead")
        for _ in range(self.rounds):
            await self._calm()
            began = time.time()
            self.stack.kill("lead_worker")
            await self._until(partial(self._is_routed_after, began))
            self._add(measured, time.time() - began)
            await self._until_ready("lead_worker")
        return measured

    async def consumer_taken_over(self) -> Measured:
        """A worker is killed and stays away; the other one has all of its partitions."""
        measured = Measured("consumer: the worker is killed and stays away, the other takes over")
        second = await self.stack.start_second_worker("lead")
        await self._until_ready(second)
        for _ in range(self.rounds):
            await self._calm()
            self.stack.down.add(second)
            began = time.time()
            # with the one that would fork it anew
            os.kill(self.stack.pid(second), signal.SIGKILL)
            # some of the leads of these two seconds are in partitions of the one that is gone
            await asyncio.sleep(2)
            await self._until(partial(self._are_routed_between, began, began + 2))
            self._add(measured, time.time() - began)
            await self.stack.start_second_worker("lead")
            await self._until_ready(second)
        await self._end_second(second)
        return measured

    async def postgres_back(self) -> list[Measured]:
        intake = Measured("PostgreSQL answers again: the next hook is accepted")
        routed = Measured("PostgreSQL answers again: the next lead is routed")
        for _ in range(self.rounds):
            await self._calm()
            await self._away("postgres", _POSTGRES_AWAY_SECONDS)
            await self._until(self._postgres_answers)
            back = time.time()
            await self._until(partial(self._is_answered_after, back))
            self._add(intake, time.time() - back)
            await self._reconnect()
            await self._until(partial(self._is_routed_after, back))
            self._add(routed, time.time() - back)
        return [intake, routed]

    async def kafka_back(self) -> Measured:
        measured = Measured("Kafka answers again: the next lead is routed")
        for _ in range(self.rounds):
            await self._calm()
            await self._away("kafka", _KAFKA_AWAY_SECONDS)
            await self._until(self._kafka_answers)
            back = time.time()
            await self._until(partial(self._is_routed_after, back))
            self._add(measured, time.time() - back)
        return measured

    async def kafka_away_for_minutes(self, minutes: float) -> Absence:
        """Hooks are taken all the while; afterwards all of them are published and taken in."""
        found = Absence(minutes)
        await self._calm()
        began = time.time()
        await self._away("kafka", minutes * 60)
        end = time.time()
        found.accepted = sum(began < at < end for at in self.traffic.accepted_at)
        found.refused = sum(began < at < end for at in self.traffic.refused_at)
        await self._until(self._kafka_answers)
        back = time.time()
        await self._until(partial(self._are_routed_between, began, back), seconds=600)
        found.drained_after = time.time() - back
        return found

    async def _end_second(self, second: str) -> None:
        await self.stack.stop_part(second)
        # its partitions come back when its session has ended
        await asyncio.sleep(_SESSION_SECONDS + 2)

    def _add(self, measured: Measured, seconds: float) -> None:
        measured.seconds.append(seconds)
        self.say(f"{measured.name}: {seconds:.2f} s")

    async def _away(self, server: str, seconds: float) -> None:
        self.stack.down.add(server)
        self.stack.kill(server)
        await asyncio.sleep(seconds)
        self.stack.down.discard(server)

    async def _calm(self) -> None:
        """Until everything is done that has come in, for as long as it takes."""
        while True:
            before = time.time()
            try:
                found = await lags(self.stack.settings.bootstrap)
                lag = sum(count for group, count in found.items() if group.startswith("lead_svc"))
                if lag < 10 and await self._is_routed_after(before - _CALM_SECONDS):
                    break
            except (OSError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._reconnect()
            await asyncio.sleep(0.2)
        await asyncio.sleep(random.uniform(0.5, 1.5))

    async def _until(
        self, look: Callable[[], Awaitable[bool]], *, seconds: float = _LONGEST_SECONDS
    ) -> None:
        end = time.monotonic() + seconds
        while not await look():
            if time.monotonic() > end:
                raise AssertionError(f"still not so after {seconds:.0f} s")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _until_ready(self, name: str) -> None:
        await self._until(partial(self.stack.is_ready, name))

    async def _is_announced_after(self, moment: float) -> bool:
        return self.announced_at > moment

    async def _is_answered_after(self, moment: float) -> bool:
        return self.traffic.answered_at > moment

    async def _is_routed_after(self, moment: float) -> bool:
        return bool(
            await self._leads().fetchval(
                "select exists (select from decision d join lead l on l.id = d.lead_id "
                "where l.captured_at > $1)",
                datetime.fromtimestamp(moment, UTC),
            )
        )

    async def _are_routed_between(self, began: float, end: float) -> bool:
        return not await self._leads().fetchval(
            "select exists (select from lead where captured_at between $1 and $2 "
            "and status = 'captured')",
            datetime.fromtimestamp(began, UTC),
            datetime.fromtimestamp(end, UTC),
        )

    def _leads(self) -> asyncpg.Connection:
        assert self.leads is not None
        return self.leads

    async def _reconnect(self) -> None:
        if self.leads is not None:
            self.leads.terminate()
        self.leads = await asyncpg.connect(database_url(self.stack.admin_url, "lead"), timeout=5)

    async def _postgres_answers(self) -> bool:
        try:
            url = database_url(self.stack.admin_url, "lead")
            connection = await asyncpg.connect(url, timeout=2)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        connection.terminate()
        return True

    async def _kafka_answers(self) -> bool:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.stack.settings.bootstrap)
        try:
            await admin.start()
        except KafkaError:
            return False
        finally:
            await admin.close()
        return True

    def _relay_owner(self, *names: str) -> str:
        """Whose log said last that it owns the relay."""
        found = {name: self._owned_at(name) for name in names}
        return max(found, key=found.__getitem__)

    def _owned_at(self, name: str) -> str:
        log = self.stack.settings.log_dir / f"{name}.log"
        lines = [line for line in log.read_text().splitlines() if '"relay_owner"' in line]
        return str(json.loads(lines[-1])["timestamp"]) if lines else ""


class _Tail:
    """Follows what is announced of leads while it is open."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def __aenter__(self) -> None:
        self._consumer = AIOKafkaConsumer(
            "kos.lead", bootstrap_servers=self._bench.stack.settings.bootstrap
        )
        await self._consumer.start()
        self._task = asyncio.create_task(self._follow())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._consumer.stop()

    async def _follow(self) -> None:
        async for record in self._consumer:
            headers = dict(record.headers)
            at = datetime.fromisoformat(headers["ce_time"].decode()).timestamp()
            self._bench.announced_at = max(self._bench.announced_at, at)


@dataclass
class Found:
    rounds: int
    rows: list[Measured] = field(default_factory=list)
    absence: Absence | None = None


async def measure(
    home: Path, rounds: int, minutes: float, say: Say, wanted: Sequence[str] = ROWS
) -> Found:
    found = Found(rounds)
    ledger = Ledger(home / "clients.jsonl", random.Random(1))
    say("starting the stack")
    async with open_stack(home) as stack, AsyncExitStack() as opened:
        brand = await opened.enter_async_context(
            open_chaos_brand(
                stack.urls,
                "recovery",
                rng=random.Random(1),
                ledger=ledger,
                sink_url=stack.sink_url,
                offer_minutes=600,
                stores_per_region=1,
            )
        )
        # what is left is measured: the api and the workers of one service
        for name in [name for name in stack.parts if name not in ("lead", "lead_worker")]:
            await stack.stop_part(name)
        bench = Bench(stack, Traffic(brand), rounds, say)
        await bench._reconnect()
        traffic = asyncio.create_task(bench.traffic.run())
        if "relay" in wanted:
            found.rows.append(await bench.relay_taken_over())
        if "worker" in wanted:
            found.rows.append(await bench.worker_restarted())
        if "absence" in wanted:
            found.absence = await bench.kafka_away_for_minutes(minutes)
            say(str(found.absence))
        if "postgres" in wanted:
            found.rows += await bench.postgres_back()
        if "kafka" in wanted:
            found.rows.append(await bench.kafka_back())
        if "takeover" in wanted:
            found.rows.append(await bench.consumer_taken_over())
        traffic.cancel()
        await asyncio.gather(traffic, return_exceptions=True)
        bench._leads().terminate()
    ledger.close()
    return found


def lines(found: Found) -> Iterator[str]:
    yield f"| of {found.rounds} rounds | median | worst |"
    yield "|---|---|---|"
    for row in found.rows:
        yield str(row)
    absence = found.absence
    if absence is None:
        return
    total = absence.accepted + absence.refused
    yield ""
    yield (
        f"Kafka away for {absence.minutes:g} minutes: {absence.accepted} of {total} hooks accepted "
        f"meanwhile; all of them routed {absence.drained_after:.1f} s after it answered again."
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.recovery", description=__doc__)
    parser.add_argument("rows", nargs="*", help=f"only these: {', '.join(ROWS)}")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=3, help="how long Kafka stays away")
    parser.add_argument("--keep", type=Path, help="folder to leave data and logs in")
    arguments = parser.parse_args()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f}] {text}", flush=True)

    wanted = arguments.rows or ROWS
    if unknown := sorted(set(wanted) - set(ROWS)):
        parser.error(f"no row {', '.join(unknown)}")

    async def run(home: Path) -> Found:
        return await measure(home, arguments.rounds, arguments.minutes, say, wanted)

    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True)
        found = asyncio.run(run(arguments.keep))
    else:
        with reachable_folder() as home:
            found = asyncio.run(run(home))
    print("\n".join(lines(found)))
    return 1 if found.absence is not None and found.absence.refused else 0


if __name__ == "__main__":
    sys.exit(main())
