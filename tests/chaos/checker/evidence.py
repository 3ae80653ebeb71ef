"""What is known of a run when it is over."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

SERVICES = ("account", "content", "lead")

Row = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """A line of the client ledger."""

    id: str
    kind: str
    brand: str
    key: str | None
    sent: str
    outcome: str
    """`ok`, `failed` (refused) or `unknown`."""
    result: Row | None
    answers: list[str]
    answer_hashes: list[str]
    attempts: list[Row]
    began: float
    ended: float
    facts: Row


@dataclass(frozen=True)
class Brand:
    """What the ledger notes of a brand."""

    tag: str
    brand_id: str
    connections: dict[str, str]
    endpoint_id: str
    endpoint_secret: str
    sink: str
    public: frozenset[str]
    personal: frozenset[str]


@dataclass(frozen=True)
class Record:
    """A record of a topic."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: dict[str, str]
    value: bytes

    @property
    def event_id(self) -> UUID:
        return UUID(self.headers["ce_id"])

    @property
    def type(self) -> str:
        return self.headers["ce_type"]

    @property
    def brand_id(self) -> str:
        return self.headers["ce_brandid"]

    @property
    def version(self) -> int:
        return int(self.headers["ce_aggregateversion"])

    @cached_property
    def data(self) -> Row:
        found: Row = json.loads(self.value)
        return found


@dataclass(frozen=True)
class SinkCall:
    """A webhook as it reached the subscriber, and what it was answered (0: no HTTP)."""

    number: int
    at: float
    name: str
    headers: dict[str, str]
    body: bytes
    status: int
    fault: str | None

    @property
    def is_taken(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True)
class Sample:
    """One look at the running system; `at` is seconds since the epoch."""

    at: float
    phase: str
    """`before` the load, `load`, `drain` (after the last fault) or `after` (quiet again)."""
    lag: int
    outbox: int
    parked: int
    sessions: dict[str, int]
    """Database sessions by application."""
    idle_in_transaction: int
    """Sessions that have left a transaction open for more than fifteen seconds."""
    advisory: dict[str, int]
    """Session-level advisory locks by database."""
    memory: dict[str, int]
    """Resident bytes by process."""
    sockets: dict[str, int]


@dataclass
class Evidence:
    brands: dict[str, Brand] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    """Of every topic, in the order of partition and offset, repeats included."""
    tables: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    """Rows by service and table."""
    journal: dict[str, list[Row]] = field(default_factory=dict)
    """By service: what consumers wrote to inbox, head and parked, in the order of writing."""
    sink: list[SinkCall] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    traces: bytes = b""
    samples: list[Sample] = field(default_factory=list)
    audit_keys: dict[str, bytes] = field(default_factory=dict)
    catalog: list[Row] = field(default_factory=list)
    """Every table: `service name has_brand is_enabled is_forced` (row-level security)."""
    roles: list[Row] = field(default_factory=list)
    """The services' database roles: `rolname rolsuper rolbypassrls`."""
    published_twice: list[Row] = field(default_factory=list)
    """Texts that one account published more than once on a platform."""
    last_fault_at: float = 0.0
    quiet_seconds: float = 30.0
    """How soon after the last fault it has to be quiet."""
    settled_at: float | None = None
    """When everything that was under way had ended; None if it never did."""

    def rows(self, service: str, table: str) -> list[Row]:
        return self.tables.get(service, {}).get(table, [])

    @cached_property
    def first_records(self) -> list[Record]:
        """Records without their repeats."""
        seen: set[UUID] = set()
        found = []
        for record in self.records:
            if record.event_id not in seen:
                seen.add(record.event_id)
                found.append(record)
        return found

    @cached_property
    def by_key(self) -> dict[str, list[Record]]:
        """Records without their repeats, by aggregate, in their order."""
        found: dict[str, list[Record]] = defaultdict(list)
        for record in self.first_records:
            found[record.key].append(record)
        return dict(found)

    @cached_property
    def waiting(self) -> dict[str, set[int]]:
        """Versions that lie in an outbox still, by aggregate."""
        found: dict[str, set[int]] = defaultdict(set)
        for service in SERVICES:
            for row in self.rows(service, "outbox"):
                found[row["key"]].add(row["version"])
        return dict(found)

    def acknowledged(self, *kinds: str) -> list[Operation]:
        return [each for each in self.operations if each.kind in kinds and each.outcome == "ok"]

    def brand_of(self, brand_id: str) -> Brand | None:
        return next((each for each in self.brands.values() if each.brand_id == brand_id), None)
