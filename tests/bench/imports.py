"""Row of the import: 1,000 units and 130,000 people, sent to the running service as two files.

The limit is COPY of the rows that the people's file makes (people, their keys, the events), into
the same tables. The note says how many rows a second that is, what memory the service took at its
peak above its rest, and what sending the same file once more costs.
"""

import time
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from shared.access import Principal, Role
from shared.ids import typed
from tests.bench.installation import Installation, brand_admin, installed
from tests.bench.rounds import cpu_seconds
from tests.bench.row import By, Options, Result, Row, Sample, compare

UNITS = 1_000
PEOPLE = 130_000
REGIONS = 20

IMPORT = Row(
    "import",
    f"{PEOPLE:,} people of {UNITS:,} units taken in, COPY of the rows they make",
    by=By.SECONDS,
)
ROWS = (IMPORT,)

_TABLES = ("staff", "data_key", "outbox")


async def measure(options: Options, wanted: Collection[str]) -> list[Result]:
    del options, wanted  # one round: a file can be new once
    async with installed("account") as installation:
        admin = await installation.connect("account")
        try:
            return [await _measure(installation, admin)]
        finally:
            await admin.close()


@dataclass(frozen=True)
class Service:
    http: httpx.AsyncClient
    installation: Installation
    principal: Principal

    async def send(self, kind: str, lines: Iterator[str]) -> dict[str, Any]:
        async def chunks() -> AsyncIterator[bytes]:
            for line in lines:
                yield line.encode()

        answer = await self.http.post(
            f"/imports/{kind}",
            content=chunks(),
            headers={
                # a token is good for a minute
                "authorization": f"Bearer {self.installation.token(self.principal)}",
                "content-type": "text/csv",
            },
        )
        answer.raise_for_status()
        report: dict[str, Any] = answer.json()
        return report


async def _measure(installation: Installation, admin: asyncpg.Connection) -> Result:
    pid, port = await installation.start("account")
    principal = brand_admin()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=600) as http:
        await _make_brand(http, installation, principal)
        service = Service(http, installation, principal)
        await service.send("units", _units())
        await admin.execute("truncate outbox")
        resting = _peak_megabytes(pid, forget=True)
        took, ours = await _timed(installation, pid, lambda: service.send("staff", _people()))
        peak = _peak_megabytes(pid)
        again, _ = await _timed(installation, pid, lambda: service.send("staff", _people()))
    if (took["rows_added"], again["rows_unchanged"]) != (PEOPLE, PEOPLE):
        raise RuntimeError(f"{took}, then {again}")
    limit = await _copy(admin)
    return compare(
        IMPORT,
        [ours],
        [limit],
        f"{PEOPLE / ours.seconds:,.0f} rows/s in {ours.seconds:.0f} s, COPY {limit.seconds:.1f} s;"
        f" {peak - resting:.0f} MB above {resting:.0f} at the peak;"
        f" the same file again {again['seconds']:.0f} s",
    )


async def _make_brand(
    http: httpx.AsyncClient, installation: Installation, principal: Principal
) -> None:
    platform = Principal(principal.brand_id, "bench", frozenset({Role.PLATFORM_ADMIN}))
    answer = await http.post(
        "/brands",
        json={"id": typed("brand", principal.brand_id), "name": "青岚茶饮", "industry": "food"},
        headers={"authorization": f"Bearer {installation.token(platform)}"},
    )
    answer.raise_for_status()


async def _timed(installation: Installation, pid: int, work: Any) -> tuple[dict[str, Any], Sample]:
    pids = [pid, installation.postgres_pid]
    cpu, started = cpu_seconds(pids), time.perf_counter()
    report = await work()
    seconds = time.perf_counter() - started
    return {**report, "seconds": seconds}, Sample(PEOPLE, seconds, cpu_seconds(pids) - cpu)


async def _copy(admin: asyncpg.Connection) -> Sample:
    """Take the same rows out and put them back, as fast as PostgreSQL can."""
    rows = {}
    for table in _TABLES:
        columns = await _columns(admin, table)
        rows[table] = await admin.fetch(f"select {', '.join(columns)} from {table}")
    await admin.execute(f"truncate {', '.join(_TABLES)} cascade")
    started = time.perf_counter()
    async with admin.transaction():
        for table in _TABLES:
            await admin.copy_records_to_table(
                table, records=rows[table], columns=await _columns(admin, table)
            )
    return Sample(PEOPLE, time.perf_counter() - started, 0.0)


async def _columns(admin: asyncpg.Connection, table: str) -> list[str]:
    """Those that PostgreSQL does not fill in itself."""
    rows = await admin.fetch(
        "select column_name from information_schema.columns where table_name = $1"
        " and table_schema = 'public' and is_identity = 'NO' order by ordinal_position",
        table,
    )
    return [row["column_name"] for row in rows]


def _peak_megabytes(pid: int, *, forget: bool = False) -> float:
    """The most that was resident since the last time it was forgotten."""
    if forget:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the kernel tells no peak")


def _units() -> Iterator[str]:
    yield "code,parent_code,kind,name,city\n"
    for number in range(REGIONS):
        yield f"R{number},,region,第{number}大区,\n"
    for number in range(UNITS - REGIONS):
        yield f"S{number},R{number % REGIONS},store,{number}号店,城市{number % 300}\n"


def _people() -> Iterator[str]:
    yield "code,unit_code,name,phone,skills\n"
    for number in range(PEOPLE):
        phone = f"139{number:08}"
        yield f"K{number},S{number % (UNITS - REGIONS)},店员{number},{phone},content;tools\n"
