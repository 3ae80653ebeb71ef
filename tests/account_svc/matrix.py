"""Matrices for the layout compiler, made without a database."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from account_svc.layout import Compiled, Person, Registered, Snapshot, Unit, compile_layout
from account_svc.models import Domain, PolicyRow, Seat, SeatRule, StaffStatus
from shared.events.account import AccountStatus, Platform, UnitKind
from shared.ids import uuid7

AT = datetime(2026, 11, 1, tzinfo=UTC)
XHS, DOUYIN = Platform.XIAOHONGSHU, Platform.DOUYIN


def rule(seat: Seat = Seat.KOS, per: UnitKind = UnitKind.STORE, **told: object) -> SeatRule:
    facts = {"seat": seat, "per": per, "platforms": [XHS], "label": "员工号", **told}
    return SeatRule.model_validate(facts)


@dataclass
class Matrix:
    units: list[Unit] = field(default_factory=list)
    staff: list[Person] = field(default_factory=list)
    accounts: list[Registered] = field(default_factory=list)
    policies: list[PolicyRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root = self.add_unit(UnitKind.BRAND)
        self.region = self.add_unit(UnitKind.REGION)

    def add_unit(
        self, kind: UnitKind = UnitKind.STORE, under: Unit | None = None, city: str | None = None
    ) -> Unit:
        if under is None and self.units:
            under = self.units[0] if kind is UnitKind.REGION else self.region
        unit_id = uuid7().bytes
        unit = Unit(unit_id, kind, city, (b"" if under is None else under.path) + unit_id)
        self.units.append(unit)
        return unit

    def hire(
        self,
        unit: Unit,
        *skills: str,
        status: StaffStatus = StaffStatus.ACTIVE,
        is_seller: bool = True,
        tier: str = "standard",
        is_certified: bool = True,
    ) -> Person:
        person = Person(
            uuid7().bytes, unit.id, is_seller, frozenset(skills), tier, status, is_certified
        )
        self.staff.append(person)
        return person

    def register(
        self,
        unit: Unit,
        person: Person | None = None,
        seat: Seat = Seat.KOS,
        platform: Platform = XHS,
        status: AccountStatus = AccountStatus.ACTIVE,
        domain: Domain = Domain.PUBLIC,
    ) -> Registered:
        account = Registered(
            uuid7().bytes,
            platform,
            domain,
            seat,
            unit.id,
            None if person is None else person.id,
            status,
        )
        self.accounts.append(account)
        return account

    @property
    def snapshot(self) -> Snapshot:
        units = sorted(self.units, key=lambda unit: unit.path)
        return Snapshot(AT, units, self.staff, self.accounts, self.policies)

    def compile(self, *rules: SeatRule, cities: tuple[str, ...] = ()) -> Compiled:
        return compile_layout(rules, Domain.PUBLIC, cities, self.snapshot)
