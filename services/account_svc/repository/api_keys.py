"""SQL of API keys."""

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import ApiKeyNotFound
from account_svc.models import ApiKey
from account_svc.repository.reading import Conditions

SELECT_KEY = """select k.id, k.name, k.role, k.scopes, k.prefix, k.expires_at, k.revoked_at,
    k.last_used_at from api_key k"""


async def get_key_for_update(session: AsyncSession, brand_id: UUID, key_id: UUID) -> ApiKey:
    key = await session.get(ApiKey, {"brand_id": brand_id, "id": key_id}, with_for_update=True)
    if key is None:
        raise ApiKeyNotFound("no such key")
    return key


async def find_by_prefix(session: AsyncSession, prefix: str) -> ApiKey | None:
    """A key of any brand: the policy `named_prefix` lets the transaction see this one row."""
    await session.execute(
        text("select set_config('app.api_key_prefix', :prefix, true)"), {"prefix": prefix}
    )
    found: ApiKey | None = await session.scalar(select(ApiKey).where(ApiKey.prefix == prefix))
    return found


def all_keys(brand_id: UUID) -> Conditions:
    return Conditions("k", brand_id)
