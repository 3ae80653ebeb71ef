"""Looking at accounts, and comparing those of a pair with each other and with their persona."""

from dataclasses import asdict
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.drift import (
    Card,
    Drift,
    DriftField,
    DriftState,
    Profile,
    compare,
    drift_rules,
    failing_fields,
)
from account_svc.models import (
    Account,
    PairCheck,
    Persona,
    ProfileFacts,
    ProfileObservation,
    Unit,
)
from account_svc.repository import accounts
from account_svc.repository import pairs as repository
from account_svc.use_cases import health
from shared import audit, outbox
from shared.access import Principal
from shared.clock import now
from shared.events.account import AccountPairChecked
from shared.ids import typed, uuid7


async def observe_profile(
    session: AsyncSession, principal: Principal, account_id: UUID, facts: ProfileFacts
) -> ProfileObservation:
    """Keep how the account looks now, and compare the pairs that it belongs to."""
    account = await accounts.get_account_for_update(
        session, principal.brand_id, principal.extent, account_id
    )
    observation = ProfileObservation(
        id=uuid7(),
        brand_id=account.brand_id,
        account_id=account.id,
        observed_by=principal.actor,
        observed_at=now(),
        **facts.model_dump(),
    )
    session.add(observation)
    await session.flush()
    await check(session, account)
    audit.record(
        session,
        actor=principal.actor,
        action="account.observe",
        subject=typed("acct", account.id),
        unit=typed("unit", account.unit_id),
    )
    return observation


async def check(session: AsyncSession, account: Account) -> None:
    """Compare the pairs of the account's seller and persona; what is new is announced.

    So is the end of a pair that the account belonged to: its check says nothing any more.
    """
    await session.flush()
    await _check_pairs(session, account)
    for stale, public in await repository.list_stale_checks(session, account):
        stale.state, stale.score, stale.fields = DriftState.UNCHECKED, None, []
        await _announce(session, stale, public)


async def _check_pairs(session: AsyncSession, account: Account) -> None:
    if account.staff_id is None or account.persona_id is None:
        return
    brand_id = account.brand_id
    found = await repository.list_accounts_of_persona(
        session, brand_id, account.staff_id, account.persona_id
    )
    publics, private = repository.split_domains(found)
    persona = await accounts.find_persona(session, brand_id, account.persona_id)
    if private is None or persona is None:
        return
    for public in publics:
        store = await repository.find_store(session, brand_id, public.unit_id)
        drift = await _compare(session, card_of(persona, store), public, private)
        await _keep(session, drift, public, private)


def card_of(persona: Persona, store: Unit | None) -> Card:
    name = persona.name_pattern
    if name is not None:
        name = (
            name.replace("{persona}", persona.name)
            .replace("{store}", "" if store is None else store.name)
            .replace("{city}", "" if store is None else store.city or "")
        )
    return Card(
        name=name,
        bio=persona.bio,
        picture_hash=persona.picture_hash,
        store=None if store is None else store.name,
        taboo_words=tuple(persona.taboo_words),
        interests=tuple(persona.interests),
    )


async def _compare(session: AsyncSession, card: Card, public: Account, private: Account) -> Drift:
    seen = [
        await repository.find_newest_observation(session, each.brand_id, each.id)
        for each in (public, private)
    ]
    if seen[0] is None or seen[1] is None:
        return Drift(DriftState.UNCHECKED, None, ())
    return compare(drift_rules(), card, _profile(seen[0]), _profile(seen[1]))


def _profile(seen: ProfileObservation) -> Profile:
    return Profile(
        name=seen.name,
        bio=seen.bio,
        picture_hash=seen.picture_hash,
        store=seen.store,
        tone_score=seen.tone_score,
        interests=None if seen.interests is None else tuple(seen.interests),
    )


async def _keep(session: AsyncSession, drift: Drift, public: Account, private: Account) -> None:
    assert public.persona_id is not None
    assert public.staff_id is not None
    check = PairCheck(
        brand_id=public.brand_id,
        account_id=public.id,
        private_account_id=private.id,
        persona_id=public.persona_id,
        staff_id=public.staff_id,
        state=drift.state,
        score=drift.score,
        fields=[asdict(each) for each in drift.fields],
        checked_at=now(),
    )
    earlier = await repository.find_check(session, check.brand_id, check.account_id)
    told = None if earlier is None else _told(earlier)
    await session.merge(check)
    if _told(check) != (told or (DriftState.UNCHECKED,)):
        await _announce(session, check, public)


async def _announce(session: AsyncSession, check: PairCheck, public: Account) -> None:
    await health.touch(session, public.brand_id, [public.id])
    outbox.add(
        session,
        public,
        AccountPairChecked(
            account_id=public.id,
            private_account_id=check.private_account_id,
            persona_id=check.persona_id,
            state=check.state,
            score_percent=None if check.score is None else round(check.score * 100),
            staff_id=check.staff_id,
            failed_fields=list(_failed_fields(check)),
        ),
    )


def _told(check: PairCheck) -> tuple[object, ...]:
    """What whoever leads customers on has to know; its change is announced."""
    if check.state == DriftState.UNCHECKED:
        return (DriftState.UNCHECKED,)
    return (
        check.state,
        check.staff_id,
        check.private_account_id,
        check.persona_id,
        _failed_fields(check),
    )


def _failed_fields(check: PairCheck) -> list[DriftField]:
    scores = {each["field"]: each["score"] for each in check.fields}
    return failing_fields(drift_rules(), DriftState(check.state), scores)
