"""Rounds that take turns; the measured processes have a core of their own, and count their CPU."""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psutil

from tests.bench.row import Sample

Work = Callable[[], Awaitable[Sequence[float]]]
"""Puts one round of load on a side; the seconds of each request, or of the one piece of work."""

START_SECONDS = 180


def cores() -> tuple[set[int], set[int]]:
    """The core of the server that is measured, and those of everything that puts load on it."""
    if not hasattr(os, "sched_getaffinity"):
        return set(), set()
    server, *others = sorted(ALL_CORES)
    return {server}, set(others) or {server}


ALL_CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
"""For rows that measure a whole stack."""


def pin(pid: int, to: set[int]) -> None:
    """Keep a process (0: this one) and what it starts later on these cores, where that exists."""
    if to and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, to)


@contextmanager
def process(target: Callable[..., None], *arguments: Any, on: set[int]) -> Iterator[int]:
    """Run `target(*arguments)` in a fresh interpreter on these cores; gives its pid."""
    started = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    started.start()
    assert started.pid is not None
    pin(started.pid, on)
    try:
        yield started.pid
    finally:
        started.terminate()
        started.join(10)
        if started.is_alive():
            started.kill()
            started.join()


def cpu_seconds(pids: Sequence[int]) -> float:
    """User and system time of these processes and all that they started."""
    total = 0.0
    for pid in pids:
        root = psutil.Process(pid)
        for one in [root, *root.children(recursive=True)]:
            try:
                times = one.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
    return total


async def sample(pids: Sequence[int], work: Work) -> Sample:
    """One round: the load, its wall clock and the CPU that the side's processes took."""
    cpu, started = cpu_seconds(pids), time.perf_counter()
    latencies = await work()
    seconds = time.perf_counter() - started
    return Sample(len(latencies), seconds, cpu_seconds(pids) - cpu, latencies)


async def alternate(
    sides: Mapping[str, tuple[Sequence[int], Work]], rounds: int
) -> dict[str, list[Sample]]:
    """The samples of each side; the sides take turns, in reversed order every other round."""
    samples: dict[str, list[Sample]] = {name: [] for name in sides}
    for turn in range(rounds):
        for name in list(sides) if turn % 2 == 0 else list(sides)[::-1]:
            samples[name].append(await sample(*sides[name]))
    return samples


async def until_open(port: int) -> None:
    """Wait until something listens on this port of loopback."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
