"""Keys of systems: made, shown once, verified, revoked."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import ApiKeyInvalid
from account_svc.key_text import KeyText, new_key, parse_key
from account_svc.models import ApiKey
from account_svc.repository import api_keys as repository
from shared import audit
from shared.access import NotAllowed, Principal, Role
from shared.clock import now
from shared.database import Sessions, enter_brand
from shared.ids import typed, uuid7


async def create_key(
    session: AsyncSession,
    principal: Principal,
    *,
    name: str,
    role: Role,
    scopes: list[str],
    expires_at: datetime | None,
) -> tuple[ApiKey, KeyText]:
    """The key and its text, which nobody can read again. A key cannot make keys: it could make
    one that may do more than itself."""
    if principal.scopes is not None:
        raise NotAllowed("only a person may make an API key")
    key_text = new_key()
    key = ApiKey(
        id=uuid7(),
        brand_id=principal.brand_id,
        name=name,
        role=role,
        scopes=scopes,
        prefix=key_text.prefix,
        secret_hash=key_text.hash,
        created_by=principal.actor,
        created_at=now(),
        expires_at=expires_at,
    )
    session.add(key)
    audit.record(
        session,
        actor=principal.actor,
        action="api_key.create",
        subject=typed("apikey", key.id),
        role=role,
        scopes=scopes,
    )
    return key, key_text


async def revoke_key(session: AsyncSession, principal: Principal, key_id: UUID) -> ApiKey:
    """From now on the key is refused; revoking it again changes nothing."""
    key = await repository.get_key_for_update(session, principal.brand_id, key_id)
    if key.revoked_at is None:
        key.revoked_at = now()
        audit.record(
            session,
            actor=principal.actor,
            action="api_key.revoke",
            subject=typed("apikey", key.id),
        )
    return key


async def verify_key(sessions: Sessions, text: str) -> Principal:
    """Whom the key speaks for. ApiKeyInvalid tells nothing about why it is refused."""
    key_text = parse_key(text)
    if key_text is None:
        raise ApiKeyInvalid("the key is not valid")
    at = now()
    async with sessions.begin() as session:
        key = await repository.find_by_prefix(session, key_text.prefix)
        if key is None or not key_text.matches(key.secret_hash) or not key.is_usable(at):
            raise ApiKeyInvalid("the key is not valid")
        if key.is_use_worth_noting(at):
            await enter_brand(session, key.brand_id)
            key.last_used_at = at
    return Principal(
        brand_id=key.brand_id,
        actor=typed("apikey", key.id),
        roles=frozenset({key.role}),
        scopes=frozenset(key.scopes),
    )
