"""Import of units, staff and accounts: streamed, in chunks of one transaction each, repeatable.

Rows are found by their natural keys, so the same file again changes nothing, and a run that was
killed is completed by sending the file again. What is kept of a staff or account row after its
chunk is its key alone; a file of units is held in memory, for its tree must be known first.
"""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import FileRefused, ImportRunning
from account_svc.models import ImportKind, ImportRun, ImportStatus
from account_svc.repository import imports as repository
from account_svc.repository.constraints import refusing
from account_svc.use_cases.imports.accounts import take_accounts
from account_svc.use_cases.imports.lines import Line, read_csv, read_jsonl
from account_svc.use_cases.imports.rows import AccountRow, StaffRow, UnitRow
from account_svc.use_cases.imports.staff import take_staff
from account_svc.use_cases.imports.tally import TakenMeanwhile, Tally
from account_svc.use_cases.imports.units import arrange, take_units
from shared import audit
from shared.access import Principal
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.ids import typed
from shared.sealing import Vault

CHUNK = 1_000
MOST_ROWS = 500_000
MOST_UNITS = 50_000
_ATTEMPTS = 3

_Row = UnitRow | StaffRow | AccountRow
_ROWS: dict[ImportKind, type[_Row]] = {
    ImportKind.UNITS: UnitRow,
    ImportKind.STAFF: StaffRow,
    ImportKind.ACCOUNTS: AccountRow,
}


@dataclass(frozen=True, slots=True)
class Importer:
    """One run: who imports what, with the means to do it."""

    sessions: Sessions
    vault: Vault
    audit_key: bytes
    principal: Principal
    kind: ImportKind
    run_id: UUID

    async def run(self, chunks: AsyncIterable[bytes], *, is_csv: bool, encoding: str) -> None:
        """Take the file in. A run of this id that has finished already is left as it is."""
        if not await self._start():
            return
        read = read_csv if is_csv else read_jsonl
        tally = Tally()
        lines = self._unique(read(chunks, _ROWS[self.kind], encoding), tally)
        try:
            if self.kind is ImportKind.UNITS:
                await self._run_units(lines, tally)
            else:
                await self._run_chunks(lines, tally)
        except FileRefused:
            await self._finish(tally, ImportStatus.REFUSED)
            raise
        await self._finish(tally, ImportStatus.FINISHED)

    async def _start(self) -> bool:
        brand_id, at = self.principal.brand_id, now()
        is_running = ImportRunning("an import with this id is running")
        async with brand_session(self.sessions, brand_id) as session:
            await repository.get_root(session, brand_id)
            run = await repository.find_run(session, brand_id, self.run_id)
            if run is None:
                run = ImportRun(brand_id=brand_id, id=self.run_id, kind=self.kind, started_at=at)
            elif run.status is ImportStatus.FINISHED:
                return False
            elif run.status_at(at) is ImportStatus.RUNNING:
                raise is_running
            run.status = ImportStatus.RUNNING
            run.progress_at, run.finished_at = at, None
            for name, count in Tally().counts().items():
                setattr(run, name, count)
            async with refusing(session, "pk_import_run", is_running):
                session.add(run)
            await repository.forget_problems(session, brand_id, self.run_id)
        return True

    async def _run_chunks(self, lines: AsyncIterator[tuple[int, _Row]], tally: Tally) -> None:
        waiting: list[tuple[int, _Row]] = []
        async for line in lines:
            waiting.append(line)
            if len(waiting) == CHUNK:
                await self._take(waiting, tally)
                waiting = []
        if waiting:
            await self._take(waiting, tally)

    async def _run_units(self, lines: AsyncIterator[tuple[int, _Row]], tally: Tally) -> None:
        rows: list[tuple[int, UnitRow]] = []
        async for number, row in lines:
            assert isinstance(row, UnitRow)
            rows.append((number, row))
            if len(rows) > MOST_UNITS:
                raise FileRefused(f"a file may hold {MOST_UNITS} units")
        brand_id = self.principal.brand_id
        async with brand_session(self.sessions, brand_id) as session:
            known = await repository.parent_codes(session, brand_id)
        ordered, problems = arrange(rows, known)
        for problem in problems:
            tally.refuse_line([problem])
        for start in range(0, len(ordered), CHUNK):
            await self._take(ordered[start : start + CHUNK], tally)

    async def _unique(
        self, lines: AsyncIterator[Line[_Row]], tally: Tally
    ) -> AsyncIterator[tuple[int, _Row]]:
        """The good rows; the bad ones, and those whose key came before, go to the report."""
        first_lines: dict[str, int] = {}
        async for line in lines:
            tally.rows_read += 1
            if tally.rows_read > MOST_ROWS:
                raise FileRefused(f"a file may have {MOST_ROWS} rows")
            if line.row is None:
                tally.refuse_line(line.problems)
                if len(tally.problems) >= CHUNK:
                    await self._take([], tally)
                continue
            field, key = _natural_key(line.row)
            first = first_lines.setdefault(key, line.number)
            if first == line.number:
                yield line.number, line.row
            else:
                tally.refuse(line.number, field, f"line {first} has it already")

    async def _take(self, rows: Sequence[tuple[int, _Row]], tally: Tally) -> None:
        """One chunk in one transaction, with its problems and the progress."""
        for attempt in range(1, _ATTEMPTS + 1):
            trial = tally.copy()
            try:
                async with brand_session(self.sessions, self.principal.brand_id) as session:
                    await self._take_rows(session, rows, trial)
                    await self._save(session, trial, {"progress_at": now()})
            except (IntegrityError, TakenMeanwhile):
                # somebody added one of the keys meanwhile: now it is found
                if attempt == _ATTEMPTS:
                    raise
            else:
                tally.become(trial)
                return

    async def _take_rows(
        self, session: AsyncSession, rows: Sequence[tuple[int, _Row]], tally: Tally
    ) -> None:
        brand_id = self.principal.brand_id
        units = [(line, row) for line, row in rows if isinstance(row, UnitRow)]
        staff = [(line, row) for line, row in rows if isinstance(row, StaffRow)]
        accounts = [(line, row) for line, row in rows if isinstance(row, AccountRow)]
        if units:
            await take_units(session, brand_id, units, tally)
        if staff:
            await take_staff(session, brand_id, self.vault, staff, tally)
        if accounts:
            await take_accounts(session, brand_id, self.principal.actor, accounts, tally)

    async def _finish(self, tally: Tally, status: ImportStatus) -> None:
        at = now()
        async with brand_session(self.sessions, self.principal.brand_id) as session:
            end = {"status": status, "progress_at": at, "finished_at": at}
            await self._save(session, tally, end)
            audit.record(
                session,
                actor=self.principal.actor,
                action="import.run",
                subject=typed("import", self.run_id),
                kind=self.kind,
                status=status,
                **tally.counts(),
            )
            await audit.flush(session, self.principal.brand_id, self.audit_key)

    async def _save(self, session: AsyncSession, tally: Tally, values: dict[str, object]) -> None:
        brand_id = self.principal.brand_id
        rows = [
            {
                "brand_id": brand_id,
                "import_id": self.run_id,
                "line": problem.line,
                "field": problem.field,
                "reason": problem.reason,
            }
            for problem in tally.problems
        ]
        await repository.add_problems(session, rows)
        tally.problems.clear()
        await repository.save_progress(session, brand_id, self.run_id, tally.counts() | values)


def _natural_key(row: _Row) -> tuple[str, str]:
    if isinstance(row, AccountRow):
        return "handle", f"{row.platform}/{row.handle}"
    return "code", row.code
