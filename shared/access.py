"""Who may do what: principals, roles, scopes of API keys and the part of the tree they cover."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from shared.errors import Forbidden


class Role(StrEnum):
    BRAND_ADMIN = "brand_admin"
    REGION_MANAGER = "region_manager"
    STORE_MANAGER = "store_manager"
    KOS = "kos"
    ANALYST = "analyst"
    COMPLIANCE = "compliance"
    SCRM = "scrm"
    PLATFORM_ADMIN = "platform_admin"


_SEES_WHOLE_BRAND = frozenset(
    {Role.BRAND_ADMIN, Role.ANALYST, Role.COMPLIANCE, Role.SCRM, Role.PLATFORM_ADMIN}
)
_SEES_UNITS = frozenset({Role.REGION_MANAGER, Role.STORE_MANAGER})
_SEES_PERSONAL_DATA = frozenset(
    {Role.BRAND_ADMIN, Role.REGION_MANAGER, Role.STORE_MANAGER, Role.KOS}
)
_MAY_BE_SHOWN_PERSONAL_DATA = _SEES_PERSONAL_DATA | {Role.SCRM}
"""Of an API key, by its scope; a scope narrows a role and never widens it."""
PERSONAL_DATA = "personal.read"
"""The scope without which an API key gets personal data masked; no pattern stands for it."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The rows a principal may see: all of the brand, subtrees of units, or one seller's own."""

    unit_ids: tuple[UUID, ...] | None
    """None: every unit. A unit includes all below it."""
    staff_id: UUID | None
    """None: of every seller."""

    @property
    def is_whole_brand(self) -> bool:
        return self.unit_ids is None and self.staff_id is None


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller. The brand comes from the credential, never from a parameter."""

    brand_id: UUID
    actor: str
    """Typed id or OIDC subject; what the audit trail names."""
    roles: frozenset[Role]
    unit_ids: tuple[UUID, ...] = ()
    staff_id: UUID | None = None
    scopes: frozenset[str] | None = None
    """Patterns such as `lead.*`; None for people, whose roles alone decide."""

    @property
    def extent(self) -> Extent:
        if self.roles & _SEES_WHOLE_BRAND:
            return Extent(unit_ids=None, staff_id=None)
        if self.roles & _SEES_UNITS:
            return Extent(unit_ids=self.unit_ids, staff_id=None)
        if self.staff_id is None:
            return Extent(unit_ids=(), staff_id=None)
        return Extent(unit_ids=None, staff_id=self.staff_id)

    @property
    def sees_personal_data(self) -> bool:
        if self.scopes is not None:
            return PERSONAL_DATA in self.scopes and bool(self.roles & _MAY_BE_SHOWN_PERSONAL_DATA)
        return bool(self.roles & _SEES_PERSONAL_DATA)

    def holds_scope(self, action: str) -> bool:
        return self.scopes is None or any(fnmatchcase(action, scope) for scope in self.scopes)


class NotAllowed(Forbidden):
    code = "not_allowed"


async def _caller(request: Request) -> Principal:
    principal = await request.state.authenticator.authenticate(request.headers.get("authorization"))
    assert isinstance(principal, Principal)
    return principal


Caller = Annotated[Principal, Depends(_caller)]


class AccessMatrix:
    """A service's actions and the roles that may do them, as one table that a person can read."""

    def __init__(self, rows: Mapping[str, frozenset[Role]]) -> None:
        self.rows = dict(rows)

    def check(self, principal: Principal, action: str) -> None:
        if not principal.roles & self.rows[action] or not principal.holds_scope(action):
            raise NotAllowed(f"this credential may not do {action}")

    def allow(self, action: str) -> Callable[..., Awaitable[Principal]]:
        """A route dependency: the caller, who may do `action`; 401 or 403 otherwise."""
        if action not in self.rows:
            raise ValueError(f"{action} is not in the access matrix")

        # async, as every dependency of ours: FastAPI sends plain functions through a thread
        async def permitted(principal: Caller) -> Principal:
            self.check(principal, action)
            return principal

        return permitted
