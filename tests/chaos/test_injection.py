"""Faults are done to the stack and taken back."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import psutil
import pytest

from deploy.local.databases import ServiceUrls
from deploy.local.postgres import PostgresServer
from deploy.local.process import Child
from tests.chaos.checker.collecting import database_url
from tests.chaos.faults import Fault
from tests.chaos.injection import Injector
from tests.chaos.stack import ChaosStack

INSERT = (
    "insert into outbox (event_id, brand_id, topic, key, version, payload, headers) "
    "values (gen_random_uuid(), gen_random_uuid(), 't', 'k', 1, '', '{}')"
)


class Told:
    """A stack that only writes down what is done to it."""

    def __init__(self, admin_url: str = "") -> None:
        self.admin_url = admin_url
        self.said: list[tuple[Any, ...]] = []
        self.proxy = self

    async def tell(self, edge: str, do: str, **more: Any) -> None:
        self.said.append((do, edge, *more.values()))

    async def is_back(self, name: str) -> bool:
        self.said.append(("is back", name))
        return len(self.said) > 2

    def __getattr__(self, name: str) -> Callable[..., None]:
        def note(*arguments: Any) -> None:
            self.said.append((name, *arguments))

        return note


def injector(stack: Told) -> Injector:
    return Injector(cast("ChaosStack", stack))


def fault(kind: str, target: str, *, seconds: float = 0.05, **more: Any) -> Fault:
    return Fault(at=0, seconds=seconds, kind=kind, target=target, more=tuple(more.items()))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (fault("freeze", "lead"), [("pause", "lead"), ("resume", "lead")]),
        (fault("reset", "a-b"), [("reset", "a-b")]),
        (fault("cut", "a-b", way="up"), [("cut", "a-b", ["up"]), ("heal", "a-b")]),
        (fault("delay", "a-b", by=0.2), [("delay", "a-b", 0.2), ("heal", "a-b")]),
        (
            fault("half_open", "a-b", gone="client"),
            [("half_open", "a-b", "client"), ("heal", "a-b")],
        ),
        (fault("clock", "lead", by=-4), [("step_clock", "lead", -4), ("step_clock", "lead", 0)]),
        (fault("kill", "lead"), [("kill", "lead"), ("is back", "lead"), ("is back", "lead")]),
    ],
)
async def test_fault_is_done_and_taken_back(what: Fault, said: list[tuple[Any, ...]]) -> None:
    stack = Told()
    await injector(stack).inject(what)
    assert stack.said == said


async def test_faults_of_one_switch_do_not_undo_each_other() -> None:
    stack = Told()
    both = injector(stack)
    await asyncio.gather(
        both.inject(fault("cut", "a-b", way="up")), both.inject(fault("delay", "a-b", by=1))
    )
    assert stack.said == [("cut", "a-b", ["up"]), ("heal", "a-b")]
    assert (both.done, both.skipped) == ({"cut": 1}, {"delay": 1})


async def test_full_disk_refuses_the_outbox_until_it_is_over(
    account_database: ServiceUrls, postgres_server: PostgresServer
) -> None:
    connection = await asyncpg.connect(database_url(postgres_server.admin_url, "account"))

    async def write() -> None:
        async with connection.transaction():
            await connection.execute(INSERT)
            await connection.execute("delete from outbox where topic = 't'")

    async def write_until_refused(running: asyncio.Task[None]) -> None:
        while not running.done():
            await write()
            await asyncio.sleep(0.01)

    try:
        full = fault("disk_full", "account", seconds=1.5)
        running = asyncio.create_task(injector(Told(postgres_server.admin_url)).inject(full))
        with pytest.raises(asyncpg.DiskFullError):
            await write_until_refused(running)
        await running
        await write()
    finally:
        await connection.execute("drop schema if exists chaos cascade")
        await connection.close()


def test_children_of_a_server_that_is_killed_while_it_is_frozen_go_on() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 30 & wait"]) as server:
        child = _child(server.pid)
        stack = object.__new__(ChaosStack)
        stack.children = {"postgres": cast("Child", SimpleNamespace(process=server))}
        stack.frozen = {}

        stack.pause("postgres")
        assert _becomes(child, psutil.STATUS_STOPPED)
        server.kill()
        stack.resume("postgres")

        assert _becomes(child, psutil.STATUS_SLEEPING)
        child.kill()


def _child(pid: int) -> psutil.Process:
    while not (found := psutil.Process(pid).children()):
        time.sleep(0.01)
    return found[0]


def _becomes(process: psutil.Process, status: str) -> bool:
    end = time.monotonic() + 5
    while (found := process.status() == status) is False and time.monotonic() < end:
        time.sleep(0.01)
    return found
