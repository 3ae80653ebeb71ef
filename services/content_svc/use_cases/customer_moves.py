"""Customers and communities of members who leave: listed for the plan, moved as it says, and what
came of it told.

The platform is called between two transactions. A call whose outcome is not known is looked up
before it is repeated.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.connectors import Rejected, TryLater
from content_svc.connectors.tokens import EXPIRED, MISSING
from content_svc.connectors.wecom_moves import Answer, Moves
from content_svc.models import CustomerBook, MoveStatus, MovingCustomer, MovingKind
from content_svc.repository import customers as repository
from shared import outbox
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events import Event
from shared.events.content import (
    CommunitiesAnswered,
    CommunityResult,
    CustomerResult,
    CustomersAnswered,
    CustomersListed,
    ListedCommunity,
    ListedCustomer,
)
from shared.ids import uuid7
from shared.sealing import Vault, seal, unseal
from shared.timers import Due

_FIELDS = {MovingKind.CUSTOMER: "external_userid", MovingKind.COMMUNITY: "chat_id"}
"""What the platform calls its ids; they are sealed and found again under this name."""
_TAKEN = ("accepted", "moved")
"""What counts as a move against the platform's limit."""
_CHUNK = 500
_REMEMBERED = timedelta(days=400)
"""Moves that the plan is told of: longer than any platform's window."""
_FIRST_LOOK = timedelta(hours=24)
"""A customer has a day to refuse; looking earlier would find everybody waiting."""
_NEXT_LOOK = timedelta(hours=1)
_RETRY = timedelta(minutes=1)
_UNAUTHORIZED_RETRY = timedelta(minutes=10)
_WORK_SECONDS = 5


@dataclass(frozen=True, slots=True)
class _Call:
    """What the platform is asked: members, and customers or communities by our ids."""

    kind: MovingKind
    giver: str
    taker: str
    names: dict[UUID, str]
    asked_at: datetime
    is_repeated: bool


@dataclass(frozen=True, slots=True)
class Clerk:
    """The worker's timer handler for one book."""

    sessions: Sessions
    vault: Vault
    moves: Mapping[MovingKind, Moves]

    async def work(self, due: Due) -> datetime | None:
        until = time.monotonic() + _WORK_SECONDS
        try:
            await self._list(due)
            while await self._ask(due) or await self._look(due):
                if time.monotonic() > until:
                    return now()
        except TryLater as trouble:
            return now() + max(trouble.after or _RETRY, _RETRY)
        except Rejected as refusal:
            if refusal.reason in (MISSING, EXPIRED):
                return now() + _UNAUTHORIZED_RETRY
            raise
        async with brand_session(self.sessions, due.brand_id) as session:
            book = await repository.get_book_for_update(session, due.brand_id, due.subject_id)
            if await repository.is_cancelled(
                session, due.brand_id, book.handover_id
            ) and await repository.is_at_rest(session, book):
                await repository.forget(session, due.brand_id, [book.id])
            return await repository.next_look(session, book)

    async def _list(self, due: Due) -> None:
        async with brand_session(self.sessions, due.brand_id) as session:
            book = await repository.get_book_for_update(session, due.brand_id, due.subject_id)
            if book.listed_at is not None:
                return
            if await repository.is_cancelled(session, due.brand_id, book.handover_id):
                return
            handle = (await repository.handles(session, due.brand_id, [book.account_id])).get(
                book.account_id
            )
        if handle is None:
            raise TryLater("account_not_known_yet")
        found = {
            kind: list(dict.fromkeys(await moves.list_of(due.brand_id, handle)))
            for kind, moves in self.moves.items()
        }
        async with brand_session(self.sessions, due.brand_id) as session:
            book = await repository.get_book_for_update(session, due.brand_id, due.subject_id)
            if book.listed_at is None:
                book.listed_at = now()
                await self._keep(session, book, found)

    async def _keep(
        self, session: AsyncSession, book: CustomerBook, found: Mapping[MovingKind, list[str]]
    ) -> None:
        """Write the customers and communities down and tell the plan, in pieces that fit into an
        event."""
        brand_id = book.brand_id
        data_key = await self.vault.create_key(session, brand_id, book.id)
        rows: list[dict[str, Any]] = [
            {
                "brand_id": brand_id,
                "id": uuid7(),
                "book_id": book.id,
                "kind": kind,
                "sealed": seal(data_key, name.encode(), brand_id, book.id, _FIELDS[kind]),
                "customer_index": self.vault.index(brand_id, _FIELDS[kind], name),
                "status": MoveStatus.LISTED,
            }
            for kind, names in found.items()
            for name in names
        ]
        indexes = [row["customer_index"] for row in rows]
        moves = await repository.moves_since(session, brand_id, indexes, now() - _REMEMBERED)
        await repository.add_customers(session, rows)
        for start in range(0, max(len(rows), 1), _CHUNK):
            some = [
                (row["kind"], row["id"], moves.get(row["customer_index"], []))
                for row in rows[start : start + _CHUNK]
            ]
            outbox.add(
                session,
                book,
                CustomersListed(
                    **_about(book),
                    customers=[
                        ListedCustomer(customer_id=each, moved_at=moved_at)
                        for kind, each, moved_at in some
                        if kind is MovingKind.CUSTOMER
                    ],
                    communities=[
                        ListedCommunity(community_id=each, moved_at=moved_at)
                        for kind, each, moved_at in some
                        if kind is MovingKind.COMMUNITY
                    ],
                    is_last=start + _CHUNK >= len(rows),
                ),
            )

    async def _ask(self, due: Due) -> bool:
        """Make one call, or find out what became of one that was begun; whether there was one.

        After a handover was cancelled no call is made, but one that was begun is looked up."""
        async with brand_session(self.sessions, due.brand_id) as session:
            book = await repository.get_book_for_update(session, due.brand_id, due.subject_id)
            rows = await repository.next_call(session, book)
            if not rows:
                return False
            is_cancelled = await repository.is_cancelled(session, due.brand_id, book.handover_id)
            is_repeated = any(row.status is MoveStatus.ASKING for row in rows)
            for row in rows:
                row.status = MoveStatus.ASKING
                row.asked_at = row.asked_at or now()
            call = await self._call(session, book, rows, is_repeated=is_repeated)
        answers: dict[str, Answer] = {}
        if call is not None and call.is_repeated:
            answers = await self._taken(due.brand_id, call)
        if call is not None:
            names = [name for name in call.names.values() if name not in answers]
            if is_cancelled:
                answers |= dict.fromkeys(names, Answer("cancelled"))
            elif names:
                answers |= await self._move(due.brand_id, call, names)
        await self._record(due, [row.id for row in rows], call, answers)
        return True

    async def _call(
        self,
        session: AsyncSession,
        book: CustomerBook,
        rows: Sequence[MovingCustomer],
        *,
        is_repeated: bool = False,
    ) -> _Call | None:
        """None when a member is not known any more, or who they were is forgotten."""
        taker_id = rows[0].taker_account_id
        if taker_id is None:
            return None
        handles = await repository.handles(session, book.brand_id, [book.account_id, taker_id])
        if len(handles) < 2:
            return None
        data_key = (await self.vault.keys(session, book.brand_id, [book.id])).get(book.id)
        if data_key is None:
            return None
        kind = rows[0].kind
        names = {
            row.id: unseal(data_key, row.sealed, book.brand_id, book.id, _FIELDS[kind]).decode()
            for row in rows
        }
        asked_at = min(row.asked_at for row in rows if row.asked_at is not None)
        return _Call(
            kind, handles[book.account_id], handles[taker_id], names, asked_at, is_repeated
        )

    async def _taken(self, brand_id: UUID, call: _Call) -> dict[str, Answer]:
        """What the platform took in an earlier attempt at the same call."""
        results = await self.moves[call.kind].results(brand_id, call.giver, call.taker)
        taken = "moved" if call.kind is MovingKind.COMMUNITY else "accepted"
        return {
            name: Answer(taken)
            for name in call.names.values()
            if name in results and _is_of(results[name].takes_effect_at, call)
        }

    async def _move(self, brand_id: UUID, call: _Call, names: list[str]) -> dict[str, Answer]:
        try:
            return await self.moves[call.kind].move(brand_id, call.giver, call.taker, names)
        except Rejected as refusal:
            if refusal.reason in (MISSING, EXPIRED):
                raise
            return {name: Answer("failed", refusal.reason) for name in names}

    async def _record(
        self, due: Due, ids: list[UUID], call: _Call | None, answers: dict[str, Answer]
    ) -> None:
        at = now()
        async with brand_session(self.sessions, due.brand_id) as session:
            book = await repository.get_book_for_update(session, due.brand_id, due.subject_id)
            rows = [row for row in await repository.next_call(session, book) if row.id in ids]
            results: list[tuple[UUID, Answer]] = []
            moves = []
            for row in rows:
                answer = Answer("failed", "member_not_known")
                if call is not None:
                    answer = answers.get(call.names[row.id], Answer("failed", "not_answered"))
                is_accepted = answer.outcome == "accepted"
                row.status = MoveStatus.WAITING if is_accepted else MoveStatus.ANSWERED
                row.look_at = at + _FIRST_LOOK if is_accepted else None
                if answer.outcome in _TAKEN:
                    moves.append(
                        {
                            "brand_id": row.brand_id,
                            "id": uuid7(),
                            "customer_index": row.customer_index,
                            "accepted_at": at,
                        }
                    )
                results.append((row.id, answer))
            await repository.add_moves(session, moves)
            if rows:
                _tell(session, book, rows[0].kind, results, at)

    async def _look(self, due: Due) -> bool:
        """See what came of the moves to one taker; whether there was one to look at."""
        async with brand_session(self.sessions, due.brand_id) as session:
            book = await repository.get_book_for_update(session, due.brand_id, due.subject_id)
            rows = await repository.to_look_at(session, book, now())
            if not rows:
                return False
            call = await self._call(session, book, rows)
        found = (
            {}
            if call is None
            else await self.moves[call.kind].results(due.brand_id, call.giver, call.taker)
        )
        at = now()
        async with brand_session(self.sessions, due.brand_id) as session:
            book = await repository.get_book_for_update(session, due.brand_id, due.subject_id)
            results = []
            # customers alone: a community has its new owner at once
            for row in await repository.to_look_at(session, book, at):
                result = None if call is None else found.get(call.names.get(row.id, ""))
                if result is None or result.outcome == "waiting":
                    row.look_at = at + _NEXT_LOOK
                    continue
                row.status, row.look_at = MoveStatus.ANSWERED, None
                results.append((row.id, Answer(result.outcome)))
            _tell(session, book, MovingKind.CUSTOMER, results, at)
        return True


def _is_of(takes_effect_at: datetime | None, call: _Call) -> bool:
    """Whether a result belongs to this call and not to one of long ago between the same two."""
    return takes_effect_at is None or takes_effect_at > call.asked_at


def _tell(
    session: AsyncSession,
    book: CustomerBook,
    kind: MovingKind,
    results: list[tuple[UUID, Answer]],
    at: datetime,
) -> None:
    """What came of one call, which is for things of one kind."""
    if not results:
        return
    event: Event
    if kind is MovingKind.CUSTOMER:
        event = CustomersAnswered(
            **_about(book),
            results=[
                CustomerResult(
                    customer_id=each, outcome=answer.outcome, at=at, reason=answer.reason
                )
                for each, answer in results
            ],
        )
    else:
        event = CommunitiesAnswered(
            **_about(book),
            results=[
                CommunityResult(
                    community_id=each, outcome=answer.outcome, at=at, reason=answer.reason
                )
                for each, answer in results
            ],
        )
    outbox.add(session, book, event)


def _about(book: CustomerBook) -> dict[str, UUID]:
    return {
        "book_id": book.id,
        "handover_id": book.handover_id,
        "account_id": book.account_id,
    }
