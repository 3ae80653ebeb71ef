"""A brand of these tests, as seen by who asks with its things."""

from copy import copy
from dataclasses import dataclass, field
from uuid import UUID

from deploy.local.databases import Service
from shared.access import Principal, Role
from shared.ids import parse_typed, typed

KINDS: dict[str, tuple[Service, str]] = {
    "unit": ("account", "unit"),
    "staff": ("account", "staff"),
    "acct": ("account", "account"),
    "persona": ("account", "persona"),
    "import": ("account", "import_run"),
    "policy": ("account", "platform_policy"),
    "course": ("account", "course"),
    "attempt": ("account", "exam_attempt"),
    "cert": ("account", "certificate"),
    "layout": ("account", "layout"),
    "offroster": ("account", "off_roster_account"),
    "assess": ("account", "skill_assessment"),
    "advocate": ("account", "advocate"),
    "relation": ("account", "advocate_relation"),
    "handover": ("account", "handover"),
    "hitem": ("account", "handover_item"),
    "goal": ("account", "goal"),
    "lift": ("account", "lift_task"),
    "rule": ("account", "incentive_rule"),
    "entry": ("account", "ledger_entry"),
    "review": ("account", "review"),
    "appeal": ("account", "appeal"),
    "apikey": ("account", "api_key"),
    "asset": ("content", "asset"),
    "tmpl": ("content", "template"),
    "camp": ("content", "campaign"),
    "draft": ("content", "draft"),
    "post": ("content", "post"),
    "conn": ("lead", "connection"),
    "rcpt": ("lead", "receipt"),
    "lead": ("lead", "lead"),
    "contact": ("lead", "contact"),
    "offer": ("lead", "offer"),
    "decision": ("lead", "decision"),
    "touch": ("lead", "touchpoint"),
    "deal": ("lead", "deal"),
    "transfer": ("lead", "transfer"),
    "comm": ("lead", "community"),
    "activity": ("lead", "community_activity"),
    "endpoint": ("lead", "webhook_endpoint"),
    "delivery": ("lead", "webhook_delivery"),
}
"""Every kind of typed id (except `brand`) and the table it names a row of."""


@dataclass(frozen=True)
class Store:
    """One of the brand's two stores, in a region of its own, with a seller."""

    word: str
    """Part of every text of this store."""
    region: str
    unit: str
    staff: str
    accounts: list[str]
    phone: str
    """Of the seller."""
    lead_phone: str
    mate: str
    """Somebody of the store who sells nothing."""

    def unit_ids(self, role: Role) -> tuple[UUID, ...]:
        """What a caller of this role answers for."""
        found = {Role.REGION_MANAGER: self.region, Role.STORE_MANAGER: self.unit}
        return (uuid_of(found[role]),) if role in found else ()


_IN_A_STORE = (Role.REGION_MANAGER, Role.STORE_MANAGER, Role.KOS)


@dataclass
class Brand:
    id: UUID
    canary: str
    east: Store = field(init=False)
    west: Store = field(init=False)
    ids: dict[str, list[str]] = field(default_factory=dict)
    """Typed ids of every kind."""
    at: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """By the word of a store: the ids of what belongs to it, by kind."""
    taken: dict[str, str] = field(default_factory=dict)
    """The entry that was taken back and not appealed against, by the word of the store."""
    offered: dict[str, str] = field(default_factory=dict)
    """The lead that waits for its seller's answer, by the word of the store."""
    free: dict[str, str] = field(default_factory=dict)
    """A contact of the seller without an open transfer, by the word of the store."""
    parked: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By service: the event and the consumer it waits for."""
    words: dict[str, str] = field(default_factory=dict)
    """What else names a thing of the brand: codes, handles, links, numbers, keys."""
    needles: frozenset[str] = frozenset()
    """Every UUID that a row of the brand holds, as UUID and as the end of a typed id."""

    def acting(self, role: Role, *, store: Store | None = None) -> Principal:
        """A caller of the brand; managers and sellers are those of the store."""
        at = self.east if store is None and role in _IN_A_STORE else store
        return Principal(
            self.id,
            f"{role}-{self.canary}",
            frozenset({role}),
            unit_ids=() if at is None else at.unit_ids(role),
            staff_id=uuid_of(at.staff) if at is not None and role is Role.KOS else None,
        )

    @property
    def admin(self) -> Principal:
        return self.acting(Role.BRAND_ADMIN)

    @property
    def typed_id(self) -> str:
        return typed("brand", self.id)

    def seen_from(self, store: Store) -> "Brand":
        """The same brand with the things of this store first: requests are about them."""
        other = self.west if store is self.east else self.east
        turned = copy(self)
        turned.east, turned.west = store, other
        turned.ids = {**self.ids, **self.at[store.word]}
        turned.offered = {"east": self.offered[store.word]}
        turned.free = {"east": self.free[store.word]}
        return turned

    def secrets(self) -> list[str]:
        """Texts that nobody else may ever see a part of."""
        return [self.canary, self.east.phone, self.west.phone, self.words["api_key"]]

    @property
    def looked_for(self) -> str:
        """How much is looked for in every answer to another brand."""
        return f"{len(self.secrets())} secrets and {len(self.needles) // 2} ids looked for"


def uuid_of(typed_id: str) -> UUID:
    return parse_typed(typed_id)[1]
