"""Advocates: who they are, the dated history of their relation, and the class of their posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import (
    AccountNotFound,
    AccountNotOutside,
    AccountOfAnother,
    AdvocateKnown,
    AlreadyWithdrawn,
    NothingToEnd,
    PostWasBound,
    RelationInTheFuture,
    UnknownAccount,
    UnknownUnit,
)
from account_svc.models.account import Seat
from account_svc.models.advocate import (
    START_OF,
    Advocate,
    AdvocateAccount,
    AdvocateFacts,
    AdvocateRelation,
    AuthorClass,
    Relation,
    RelationFacts,
    RelationKind,
    bound_on,
    class_at,
    day_of,
    spells,
)
from account_svc.repository import accounts, org
from account_svc.repository import advocates as repository
from account_svc.repository.constraints import refusing
from shared import audit
from shared.access import Principal
from shared.clock import now
from shared.ids import typed, uuid7
from shared.sealing import Vault, seal

OUTSIDE = frozenset({Seat.KOC, Seat.KOL})


@dataclass(frozen=True, slots=True)
class Reclassed:
    """A post whose class at publication is not what the history says now."""

    post_id: UUID
    class_at_publication: AuthorClass
    class_by_history: AuthorClass


async def add_advocate(
    session: AsyncSession,
    principal: Principal,
    vault: Vault,
    unit_id: UUID,
    facts: AdvocateFacts,
) -> Advocate:
    brand_id, advocate_id = principal.brand_id, uuid7()
    if await org.find_unit(session, brand_id, principal.extent, unit_id) is None:
        raise UnknownUnit("no such unit", field="/unit_id")
    data_key = await vault.create_key(session, brand_id, advocate_id)

    def sealed(field: str, text: str | None) -> bytes | None:
        return None if text is None else seal(data_key, text.encode(), brand_id, advocate_id, field)

    name = sealed("name", facts.name)
    assert name is not None
    advocate = Advocate(
        id=advocate_id,
        brand_id=brand_id,
        unit_id=unit_id,
        name_sealed=name,
        phone_sealed=sealed("phone", facts.phone),
        phone_index=None if facts.phone is None else vault.index(brand_id, "phone", facts.phone),
        added_by=principal.actor,
        added_at=now(),
    )
    known = AdvocateKnown("an advocate has this number", field="/phone")
    async with refusing(session, "uq_advocate_brand_id_phone_index", known):
        session.add(advocate)
    _note(session, principal, "advocate.add", advocate.id)
    return advocate


async def record(
    session: AsyncSession,
    principal: Principal,
    vault: Vault,
    advocate_id: UUID,
    facts: RelationFacts,
) -> tuple[AdvocateRelation, list[Reclassed]]:
    """Add a fact to the history, of whatever day, and name the posts that it classes otherwise
    than before. What they were classed at publication stays."""
    brand_id, at = principal.brand_id, now()
    await repository.get_advocate_for_update(session, brand_id, principal.extent, advocate_id)
    if facts.happened_on > day_of(at):
        raise RelationInTheFuture("what is recorded has happened", field="/happened_on")
    before = await repository.list_history(session, brand_id, advocate_id)
    _check(before, facts)
    data_key = await vault.create_key(session, brand_id, advocate_id)
    relation_id = uuid7()
    relation = AdvocateRelation(
        id=relation_id,
        brand_id=brand_id,
        advocate_id=advocate_id,
        kind=facts.kind,
        happened_on=facts.happened_on,
        proof_sealed=seal(
            data_key, facts.proof.encode(), brand_id, advocate_id, f"proof/{relation_id}"
        ),
        recorded_by=principal.actor,
        recorded_at=at,
    )
    session.add(relation)
    after = [*before, Relation(facts.kind, facts.happened_on)]
    reclassed = await _reclassed(session, brand_id, advocate_id, before, after)
    _note(
        session,
        principal,
        "advocate.record",
        advocate_id,
        relation=typed("relation", relation_id),
        kind=facts.kind,
        happened_on=facts.happened_on.isoformat(),
        reclassed=[typed("post", each.post_id) for each in reclassed],
    )
    return relation, reclassed


async def withdraw(
    session: AsyncSession,
    principal: Principal,
    advocate_id: UUID,
    relation_id: UUID,
    *,
    reason: str,
) -> tuple[AdvocateRelation, list[Reclassed]]:
    """Take a wrong fact out of the history; it stays to be seen, with the reason."""
    brand_id = principal.brand_id
    await repository.get_advocate_for_update(session, brand_id, principal.extent, advocate_id)
    relation = await repository.get_relation(session, brand_id, advocate_id, relation_id)
    if relation.withdrawn_at is not None:
        raise AlreadyWithdrawn("this fact was withdrawn before")
    before = await repository.list_history(session, brand_id, advocate_id)
    relation.withdrawn_by, relation.withdrawn_at = principal.actor, now()
    relation.withdrawn_because = reason
    after = list(before)
    after.remove(Relation(relation.kind, relation.happened_on))
    reclassed = await _reclassed(session, brand_id, advocate_id, before, after)
    _note(
        session,
        principal,
        "advocate.withdraw",
        advocate_id,
        relation=typed("relation", relation_id),
        reclassed=[typed("post", each.post_id) for each in reclassed],
    )
    return relation, reclassed


async def link_account(
    session: AsyncSession, principal: Principal, advocate_id: UUID, account_id: UUID
) -> None:
    """The account, whose seat is that of a KOC or KOL, belongs to the advocate."""
    brand_id = principal.brand_id
    await repository.get_advocate_for_update(session, brand_id, principal.extent, advocate_id)
    try:
        account = await accounts.get_account_for_update(
            session, brand_id, principal.extent, account_id
        )
    except AccountNotFound as error:
        raise UnknownAccount("no such account", field="/account_id") from error
    if account.seat not in OUTSIDE or account.staff_id is not None:
        raise AccountNotOutside(f"the account has the seat {account.seat}: it is the brand's own")
    linked = AdvocateAccount(
        brand_id=brand_id,
        account_id=account_id,
        advocate_id=advocate_id,
        linked_by=principal.actor,
        linked_at=now(),
    )
    taken = AccountOfAnother("the account belongs to an advocate already", field="/account_id")
    async with refusing(session, "pk_advocate_account", taken):
        session.add(linked)
    _note(session, principal, "advocate.link", advocate_id, account=typed("acct", account_id))


async def note_author(
    session: AsyncSession,
    brand_id: UUID,
    post_id: UUID,
    account_id: UUID,
    *,
    staff_id: UUID | None,
    unit_id: UUID,
    published_at: datetime,
) -> None:
    """Keep with the post the class that it was made in, by what is known of its author now."""
    author = AuthorClass.KOS
    if staff_id is None:
        author = await _class_of(session, brand_id, account_id, published_at)
    values = {
        "id": post_id,
        "brand_id": brand_id,
        "account_id": account_id,
        "staff_id": staff_id,
        "unit_id": unit_id,
        "author_class": author,
        "published_at": published_at,
    }
    await repository.note_author(session, values)


async def _class_of(
    session: AsyncSession, brand_id: UUID, account_id: UUID, at: datetime
) -> AuthorClass:
    owner = await repository.find_owner(session, brand_id, account_id)
    if owner is not None and owner.advocate_id is not None:
        return class_at(await repository.list_history(session, brand_id, owner.advocate_id), at)
    is_outside = owner is not None and owner.seat in OUTSIDE
    return AuthorClass.UNPROVEN if is_outside else AuthorClass.BRAND


async def _reclassed(
    session: AsyncSession,
    brand_id: UUID,
    advocate_id: UUID,
    before: Sequence[Relation],
    after: Sequence[Relation],
) -> list[Reclassed]:
    posts = await repository.list_posts(session, brand_id, advocate_id)
    return [
        Reclassed(post.id, post.author_class, new)
        for post in posts
        if (new := class_at(after, post.published_at)) is not class_at(before, post.published_at)
    ]


def _check(before: Sequence[Relation], facts: RelationFacts) -> None:
    """An unpaid post lies outside every time of being paid or hired; an end has a beginning."""
    if facts.kind is RelationKind.POSTED_UNPAID:
        bound = bound_on(before, facts.happened_on)
        if bound is not None:
            until = "from then" if bound.until is None else f"until {bound.until.isoformat()}"
            raise PostWasBound(
                f"{bound.kind} since {bound.since.isoformat()}: no post {until} is unpaid"
            )
    start = START_OF.get(facts.kind)
    if start is None:
        return
    running = [each for each in spells(before, start) if each.covers(facts.happened_on)]
    if not running:
        raise NothingToEnd(f"not {start} on that day: nothing ends", field="/happened_on")
    ended = running[-1].until
    if ended is not None:
        raise NothingToEnd(
            f"{start} until {ended.isoformat()} already: withdraw that end first",
            field="/happened_on",
        )


def _note(
    session: AsyncSession,
    principal: Principal,
    action: str,
    advocate_id: UUID,
    **details: object,
) -> None:
    audit.record(
        session,
        actor=principal.actor,
        action=action,
        subject=typed("advocate", advocate_id),
        **details,
    )
