"""Find the points of a flow, then stop its processes at each of them, one at a time."""

import asyncio
import hashlib
import itertools
import math
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.chaos.crashpoints.control import (
    SIDES,
    Order,
    Point,
    Stop,
    give,
    points_file,
    read_points,
    was_hit,
)
from tests.chaos.crashpoints.flows import Flow, NotDone

RECORDINGS = 3
IDLE_SECONDS = 3.0
TRIES = 3
"""How often a stop is tried that is not reached."""
_LATE_SECONDS = 1.0
"""How long after the end of a flow a process may still reach what it was waiting for."""

Say = Callable[[str], None]
Slice = tuple[int, int]
"""The first number, from 1, of as many slices as the second says."""


@dataclass
class Outcome:
    """What became of one stop. `made` are ids by which the checker's findings are told apart."""

    stop: Stop
    seconds: float
    was_hit: bool
    made: list[str]
    failure: str | None = None
    why_not: str = ""
    """Of a stop that was not reached: how often its point came."""


@dataclass
class Lane:
    """A flow and the processes that are stopped while it runs. No two lanes share a process."""

    name: str
    folder: Path
    processes: Sequence[str]
    flow: Flow
    restart: Callable[[str], None]
    """Kill a process and have it started again."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    runs: list[Counter[Point]] = field(default_factory=list)
    """How often each point came in each recorded play."""

    async def record(
        self, *, most: int, plays: int = RECORDINGS, idle_seconds: float = IDLE_SECONDS
    ) -> list[tuple[Point, int]]:
        """The points of the flow in the order of their first occurrence, and how often a stop at
        each is to be tried, at most `most` times.

        What a process also does while nothing happens it does any number of times: once is enough.
        """
        await self.flow.play()
        order: dict[Point, None] = {}
        for _ in range(plays):
            found = await self._recorded(self.flow.play)
            order |= dict.fromkeys(found)
            self.runs.append(Counter(found))
        idle = set(await self._recorded(lambda: asyncio.sleep(idle_seconds)))
        return [
            (
                point,
                1 if point in idle else max(1, min(most, *(run[point] for run in self.runs))),
            )
            for point in order
        ]

    async def _recorded(self, run: Callable[[], Awaitable[object]]) -> list[Point]:
        for process in self.processes:
            points_file(self.folder, process).unlink(missing_ok=True)
            give(self.folder, process, Order(next(self.numbers), records=True))
        await run()
        self.disarm()
        return [point for process in self.processes for point in read_points(self.folder, process)]

    def disarm(self) -> None:
        for process in self.processes:
            give(self.folder, process, Order(next(self.numbers)))

    async def try_all(
        self, stops: Sequence[Stop], say: Say, *, until: float = math.inf, tries: int = TRIES
    ) -> list[Outcome]:
        """Every stop, or as many as fit in `until` (monotonic).

        Each process of the lane has one in a play of the flow, so that several die in it. What
        breaks a play counts for every stop of it.
        """
        waiting = {
            process: deque(stop for stop in stops if stop.point.process == process)
            for process in self.processes
        }
        outcomes: list[Outcome] = []
        while any(waiting.values()) and time.monotonic() < until:
            together = [queue.popleft() for queue in waiting.values() if queue]
            found = await self._attempt(together)
            for outcome in found:
                if not outcome.was_hit and outcome.failure is None:
                    outcome = await self._again(outcome, tries)  # noqa: PLW2901
                outcomes.append(outcome)
                mark = outcome.failure or ("held" if outcome.was_hit else "not reached")
                say(
                    f"{self.name} {len(outcomes)}/{len(stops)} {outcome.seconds:4.1f} s "
                    f"{mark}: {outcome.stop}"
                )
        self.disarm()
        return outcomes

    async def _again(self, outcome: Outcome, tries: int) -> Outcome:
        made = list(outcome.made)
        point = outcome.stop.point
        came: list[int] = []
        for number in range(tries - 1):
            if number % 2 == 0:
                # some I/O is done once in a connection's life, other only by who runs for a while
                self.restart(point.process)
            points_file(self.folder, point.process).unlink(missing_ok=True)
            (again,) = await self._attempt([outcome.stop], records=True)
            made += again.made
            if again.was_hit or again.failure is not None:
                break
            came.append(read_points(self.folder, point.process).count(point))
        recorded = [run[point] for run in self.runs]
        why = f"its point came {recorded} times when it was recorded and {came} times in the tries"
        return replace(again, made=made, why_not=why)

    async def _attempt(self, stops: Sequence[Stop], *, records: bool = False) -> list[Outcome]:
        """Play the flow with these stops, of different processes."""
        began = time.monotonic()
        orders = [Order(next(self.numbers), records=records, stop=stop) for stop in stops]
        for order, stop in zip(orders, stops, strict=True):
            give(self.folder, stop.point.process, order)
        made: list[str] = []
        failure = None
        try:
            made = await self.flow.play()
        except NotDone as error:
            failure = str(error)
        hits = [await self._is_hit(order) for order in orders]
        seconds = time.monotonic() - began
        return [
            Outcome(stop, seconds, hit, made, failure)
            for stop, hit in zip(stops, hits, strict=True)
        ]

    async def _is_hit(self, order: Order) -> bool:
        assert order.stop is not None
        process = order.stop.point.process
        end = time.monotonic() + _LATE_SECONDS
        while not was_hit(self.folder, process, order) and time.monotonic() < end:
            await asyncio.sleep(0.02)
        give(self.folder, process, Order(next(self.numbers)))
        return was_hit(self.folder, process, order)


def list_stops(points: Sequence[tuple[Point, int]]) -> list[Stop]:
    return [
        Stop(point, occurrence, side)
        for point, times in points
        for occurrence in range(1, times + 1)
        for side in SIDES
    ]


def is_in_slice(stop: Stop, part: Slice) -> bool:
    """Told by the stop alone, since the points come in another order every time."""
    number, count = part
    digest = hashlib.sha256(str(stop).encode()).digest()
    return int.from_bytes(digest[:8]) % count == number - 1
