"""Does the faults of a plan to a running stack, and takes them back."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

import asyncpg
import httpx

from deploy.local.databases import Service
from deploy.local.settings import HOST
from tests.chaos.checker.collecting import database_url
from tests.chaos.faults import Fault
from tests.chaos.stack import ChaosStack

# A full disk, as the one table sees it. A small file system under a tablespace would need the
# right to mount, which a container and a plain user do not have; the error is the server's own.
_DISK_FULL = """
create schema if not exists chaos;
create or replace function chaos.disk_full() returns trigger language plpgsql as $$
begin
  raise exception 'could not extend file: No space left on device' using errcode = '53100';
end $$;
drop trigger if exists disk_full on outbox;
create trigger disk_full before insert on outbox
  for each statement execute function chaos.disk_full();
"""
_KILLS = ("kill", "kill_postgres", "kill_kafka")
_DISK_FREE = "drop trigger if exists disk_full on outbox"


@dataclass
class Injector:
    """Runs faults side by side. Two of the same class on the same target are one."""

    stack: ChaosStack
    done: Counter[str] = field(default_factory=Counter)
    """Faults by class."""
    skipped: Counter[str] = field(default_factory=Counter)
    last_at: float = 0.0
    _active: set[tuple[str, str]] = field(default_factory=set)

    async def run(self, faults: list[Fault]) -> None:
        """Until the last one has ended."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(max(0, began + fault.at - time.monotonic()))
                group.create_task(self.inject(fault))

    async def inject(self, fault: Fault) -> None:
        # one fault of a kind that is undone by one switch at a time
        switch = _switch(fault)
        if switch in self._active:
            self.skipped[fault.kind] += 1
            return
        self._active.add(switch)
        self.done[fault.kind] += 1
        more = dict(fault.more)
        try:
            await self._begin(fault, more)
            if fault.kind == "rebalance":
                await self._storm(fault, more["pause"])
            else:
                await asyncio.sleep(fault.seconds)
            await self._end(fault)
            if fault.kind in _KILLS:
                await self._until_back(target=fault.target)
        finally:
            self._active.discard(switch)
            self.last_at = time.time()

    async def _begin(self, fault: Fault, more: dict[str, Any]) -> None:
        stack, target = self.stack, fault.target
        match fault.kind:
            case "kill" | "kill_postgres" | "kill_kafka":
                stack.kill(target)
            case "freeze" | "freeze_server":
                stack.pause(target)
            case "reset":
                await stack.proxy.tell(target, "reset")
            case "delay":
                await stack.proxy.tell(target, "delay", seconds=more["by"])
            case "cut":
                await stack.proxy.tell(target, "cut", ways=[more["way"]])
            case "half_open":
                await stack.proxy.tell(target, "half_open", gone=more["gone"])
            case "disk_full":
                await self._execute(target, _DISK_FULL)
            case "clock":
                stack.step_clock(target, more["by"])
            case "sink":
                fault_body = {"kind": more["answer"], "probability": more["share"]}
                await self._call("PUT", f"{self._sink}/fault", fault_body)
            case "platform":
                await self._call(
                    "POST",
                    f"{self._sandbox}/sandbox/faults",
                    {
                        "direction": "calls",
                        "kind": more["answer"],
                        "probability": more["share"],
                        "hold_seconds": 6,
                    },
                )

    async def _end(self, fault: Fault) -> None:
        stack, target = self.stack, fault.target
        match fault.kind:
            case "freeze" | "freeze_server":
                stack.resume(target)
            case "delay" | "cut" | "half_open":
                await stack.proxy.tell(target, "heal")
            case "disk_full":
                await self._execute(target, _DISK_FREE)
            case "clock":
                stack.step_clock(target, 0)
            case "sink":
                await self._call("DELETE", f"{self._sink}/fault")
            case "platform":
                await self._call("DELETE", f"{self._sandbox}/sandbox/faults")

    async def _storm(self, fault: Fault, pause: float) -> None:
        """A second worker joins and leaves, again and again."""
        end = time.monotonic() + fault.seconds
        while time.monotonic() < end:
            name = await self.stack.start_second_worker(cast("Service", fault.target))
            await asyncio.sleep(pause + 2)
            await self.stack.stop_part(name)
            await asyncio.sleep(pause / 2)

    async def _until_back(self, target: str) -> None:
        """A kill lasts until the process is there again: on a busy machine that takes a while."""
        await asyncio.sleep(0.3)
        while not await self.stack.is_back(target):
            await asyncio.sleep(0.2)

    @property
    def _sink(self) -> str:
        return f"http://{HOST}:{self.stack.sink_port}"

    @property
    def _sandbox(self) -> str:
        return self.stack.settings.url("sandbox")

    async def _call(self, method: str, url: str, body: object = None) -> None:
        """Until it was heard: the process may be down or frozen by another fault just now."""
        async with httpx.AsyncClient(trust_env=False, timeout=3) as client:
            while True:
                try:
                    answer = await client.request(method, url, json=body)
                    answer.raise_for_status()
                except httpx.HTTPError:
                    await asyncio.sleep(0.3)
                else:
                    return

    async def _execute(self, service: str, statement: str) -> None:
        """Until it was done: PostgreSQL may be down just now."""
        while True:
            try:
                connection = await asyncpg.connect(
                    database_url(self.stack.admin_url, service), timeout=3, command_timeout=5
                )
                try:
                    await connection.execute(statement)
                finally:
                    connection.terminate()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(0.3)
            else:
                return


def _switch(fault: Fault) -> tuple[str, str]:
    if fault.kind in ("delay", "cut", "half_open"):
        return "edge", fault.target
    if fault.kind in ("freeze", "freeze_server"):
        return "freeze", fault.target
    return fault.kind, fault.target
