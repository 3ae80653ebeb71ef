"""Uniqueness is the database's: its refusal becomes ours by the name of the constraint."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.errors import ServiceError


@asynccontextmanager
async def refusing(
    session: AsyncSession, constraint: str | tuple[str, ...], refusal: ServiceError
) -> AsyncIterator[None]:
    """Flush at the end of the block; raise `refusal` if the constraint, or one of several, is
    violated."""
    try:
        yield
        await session.flush()
    except IntegrityError as error:
        names = (constraint,) if isinstance(constraint, str) else constraint
        if getattr(error.driver_exception, "constraint_name", None) in names:
            raise refusal from error
        raise
