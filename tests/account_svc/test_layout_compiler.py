"""The layout compiler over snapshots: which seats there should be, and what is wrong with those
that there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_svc.errors import LayoutTooLarge
from account_svc.layout import Cause, Place, SeatState, built_in_layouts
from account_svc.models import Domain, PolicyFact, PolicyRow, Seat, StaffStatus
from shared.events.account import AccountStatus, Platform, UnitKind
from tests.account_svc.matrix import AT, DOUYIN, XHS, Matrix, rule


@pytest.fixture
def matrix() -> Matrix:
    return Matrix()


def test_a3_a_seat_is_filled_missing_or_there_is_one_too_many(matrix: Matrix) -> None:
    full, empty, crowded = (matrix.add_unit() for _ in range(3))
    kept = matrix.register(full, matrix.hire(full))
    first = matrix.register(crowded, matrix.hire(crowded), status=AccountStatus.SUSPENDED)
    second = matrix.register(crowded, matrix.hire(crowded))

    compiled = matrix.compile(rule())

    assert {line.account_id for line in compiled.lines[SeatState.FILLED]} == {kept.id, second.id}
    assert [line.unit_id for line in compiled.lines[SeatState.MISSING]] == [empty.id]
    (doubled,) = compiled.lines[SeatState.DOUBLED]
    assert (doubled.account_id, doubled.cause) == (first.id, Cause.MORE_THAN_WANTED)
    assert (compiled.wanted, compiled.without_candidate) == (3, 1)


def test_a3_a_second_account_of_one_person_fills_no_second_seat(matrix: Matrix) -> None:
    store = matrix.add_unit()
    person = matrix.hire(store)
    matrix.register(store, person)
    again = matrix.register(store, person)

    compiled = matrix.compile(rule(count=2))

    (doubled,) = compiled.lines[SeatState.DOUBLED]
    assert (doubled.account_id, doubled.cause) == (again.id, Cause.SAME_PERSON)
    assert compiled.count(SeatState.MISSING) == 1


def test_a3_more_seats_than_can_be_laid_out_are_refused_before_any_is(matrix: Matrix) -> None:
    for _ in range(51):
        matrix.add_unit()
    absurd = [rule(count=100, platforms=list(Platform), seat=seat) for seat in Seat]

    with pytest.raises(LayoutTooLarge, match=r"asks for \d+ seats; 500000 can be"):
        matrix.compile(*absurd, *([rule(count=100)] * 20))


def test_a3_an_account_whose_person_or_unit_no_longer_fits_is_orphaned(matrix: Matrix) -> None:
    store, other = matrix.add_unit(), matrix.add_unit()
    expected = {
        matrix.register(store, matrix.hire(store, status=StaffStatus.DEPARTED)).id: (
            Cause.PERSON_DEPARTED
        ),
        matrix.register(store, matrix.hire(other)).id: Cause.PERSON_ELSEWHERE,
        matrix.register(store, matrix.hire(store, is_seller=False)).id: Cause.NOT_A_SELLER,
        matrix.register(store).id: Cause.NOBODY,
        matrix.register(matrix.region, matrix.hire(matrix.region)).id: Cause.UNIT_DOES_NOT_FIT,
    }

    compiled = matrix.compile(rule(count=9))

    found = {line.account_id: line.cause for line in compiled.lines[SeatState.ORPHANED]}
    assert found == expected
    assert compiled.count(SeatState.FILLED) == 0


def test_a3_a_units_own_account_may_be_run_by_anybody_who_has_not_left(matrix: Matrix) -> None:
    store = matrix.add_unit()
    run = matrix.register(store, matrix.hire(matrix.region, is_seller=False), seat=Seat.STORE)
    leaver = matrix.hire(store, status=StaffStatus.DEPARTED)
    left = matrix.register(store, leaver, seat=Seat.STORE)

    compiled = matrix.compile(rule(Seat.STORE))

    assert [line.account_id for line in compiled.lines[SeatState.FILLED]] == [run.id]
    assert [line.account_id for line in compiled.lines[SeatState.ORPHANED]] == [left.id]


def test_a3_who_works_in_a_team_sits_for_its_store(matrix: Matrix) -> None:
    store = matrix.add_unit()
    team = matrix.add_unit(UnitKind.TEAM, under=store)
    account = matrix.register(team, matrix.hire(team))

    (line,) = matrix.compile(rule()).lines[SeatState.FILLED]

    assert (line.account_id, line.unit_id) == (account.id, store.id)


def test_a3_a_seat_that_the_layout_does_not_have_is_told_apart(matrix: Matrix) -> None:
    store = matrix.add_unit()
    matrix.register(store, seat=Seat.KOC)
    matrix.register(store, matrix.hire(store), platform=DOUYIN)
    matrix.register(store, matrix.hire(store), domain=Domain.PRIVATE)

    compiled = matrix.compile(rule())

    causes = [line.cause for line in compiled.lines[SeatState.UNPLANNED]]
    assert causes == [Cause.NO_SUCH_SEAT, Cause.NO_SUCH_SEAT]


def test_a3_the_candidate_has_most_of_the_skills_then_the_better_tier(matrix: Matrix) -> None:
    store = matrix.add_unit()
    matrix.hire(store, "content", tier="gold")
    plain = matrix.hire(store, "content", "tools")
    best = matrix.hire(store, "tools", "content", "x", tier="gold")

    wanted = rule(count=2, skills=["content", "tools"], tiers=["gold", "silver"])
    found = [line.candidate for line in matrix.compile(wanted).lines[SeatState.MISSING]]

    assert [one and one.staff_id for one in found] == [best.id, plain.id]
    assert found[0] is not None
    assert (found[0].place, found[0].skills, found[0].lacks) == (
        Place.HERE,
        ("content", "tools"),
        (),
    )


def test_a3_who_is_away_or_has_an_account_or_a_proposal_is_no_candidate(matrix: Matrix) -> None:
    store = matrix.add_unit()
    matrix.hire(store, status=StaffStatus.ABSENT)
    matrix.hire(store, status=StaffStatus.DEPARTED)
    matrix.hire(store, is_seller=False)
    matrix.hire(store, is_certified=False)
    matrix.register(store, matrix.hire(store), seat=Seat.KOC)
    only = matrix.hire(store)

    lines = matrix.compile(rule(count=2)).lines[SeatState.MISSING]

    assert [line.candidate and line.candidate.staff_id for line in lines] == [only.id, None]
    nobody = lines[1].nobody
    assert nobody is not None
    assert (
        nobody.has_an_account,
        nobody.proposed_elsewhere,
        nobody.absent,
        nobody.departed,
        nobody.not_sellers,
        nobody.uncertified,
    ) == (1, 1, 1, 1, 1, 1)


def test_a3_a_store_without_people_gets_somebody_from_nearby_but_nobodys_own(
    matrix: Matrix,
) -> None:
    empty, staffed = matrix.add_unit(), matrix.add_unit()
    far = matrix.add_unit(UnitKind.REGION)
    matrix.hire(matrix.add_unit(under=far))
    own, spare = matrix.hire(staffed), matrix.hire(staffed)

    lines = {line.unit_id: line for line in matrix.compile(rule()).lines[SeatState.MISSING]}

    found = {
        unit_id: line.candidate and (line.candidate.staff_id, line.candidate.place)
        for unit_id, line in lines.items()
    }
    assert found[staffed.id] == (own.id, Place.HERE)
    assert found[empty.id] == (spare.id, Place.NEARBY)


def test_a3_head_offices_seat_may_be_taken_by_somebody_below(matrix: Matrix) -> None:
    store = matrix.add_unit()
    person = matrix.hire(store)

    (line,) = matrix.compile(rule(Seat.BRAND, UnitKind.BRAND)).lines[SeatState.MISSING]

    assert line.candidate is not None
    assert (line.candidate.staff_id, line.candidate.place) == (person.id, Place.BELOW)


def test_a3_a_city_is_a_gap_without_a_seat_or_without_a_store(matrix: Matrix) -> None:
    matrix.add_unit(city="苏州")
    there = matrix.add_unit(city="杭州")
    matrix.add_unit(city="杭州")
    matrix.register(there, matrix.hire(there))

    cities = matrix.compile(rule(), cities=("成都", "杭州")).cities

    assert [(city.city, city.stores, city.wanted, city.filled, city.is_gap) for city in cities] == [
        ("苏州", 1, 1, 0, True),
        ("成都", 0, 0, 0, True),
        ("杭州", 2, 2, 1, False),
    ]


def test_a3_seats_are_held_against_the_policies_that_hold(matrix: Matrix) -> None:
    roomy, tight = matrix.add_unit(), matrix.add_unit()
    matrix.register(roomy, matrix.hire(roomy))
    matrix.register(tight, matrix.hire(tight))
    matrix.register(tight, matrix.hire(tight), seat=Seat.STORE)
    told = {"words": None, "valid_to": None, "valid_from": AT, "source": "合同"}
    matrix.policies = [
        PolicyRow(platform=XHS, fact=PolicyFact.SEATS_PER_STORE, number=2, **told),  # type: ignore[arg-type]
        PolicyRow(platform=XHS, fact=PolicyFact.SEATS_PER_ORGANISATION, number=5, **told),  # type: ignore[arg-type]
    ]

    organisation, store = matrix.compile(rule(count=2)).quotas

    assert (organisation.used, organisation.needed, organisation.limit) == (3, 5, 5)
    assert not organisation.is_exceeded
    assert (store.used, store.needed, store.limit, store.over_unit_ids) == (2, 3, 2, [tight.id])
    assert store.is_exceeded


def test_a3_an_expired_quota_is_named_and_not_taken_for_none(matrix: Matrix) -> None:
    matrix.policies = [
        PolicyRow(XHS, PolicyFact.SEATS_PER_STORE, 2, None, AT.replace(year=2025), AT, "合同")
    ]

    (quota,) = matrix.compile(rule()).quotas

    assert quota.limit is None
    assert quota.refusal is not None
    assert quota.refusal.startswith("seats_per_store of xiaohongshu expired at ")


def test_a3_every_built_in_layout_has_a_public_and_a_private_form() -> None:
    layouts = built_in_layouts()

    assert set(layouts) == {"official_plus_kos", "k_plus_n", "one_x_n"}
    assert all(layout.rules(form) for layout in layouts.values() for form in Domain)


@st.composite
def some_matrix(draw: st.DrawFn) -> Matrix:
    matrix = Matrix()
    stores = [matrix.add_unit() for _ in range(draw(st.integers(1, 4)))]
    homes = st.sampled_from([matrix.root, matrix.region, *stores])
    for _ in range(draw(st.integers(0, 8))):
        matrix.hire(
            draw(homes),
            *draw(st.sets(st.sampled_from(["content", "tools"]))),
            status=draw(st.sampled_from(StaffStatus)),
            is_seller=draw(st.booleans()),
        )
    for _ in range(draw(st.integers(0, 8))):
        matrix.register(
            draw(homes),
            draw(st.sampled_from([None, *matrix.staff])),
            seat=draw(st.sampled_from([Seat.KOS, Seat.STORE, Seat.BRAND, Seat.KOC])),
            platform=draw(st.sampled_from([XHS, DOUYIN])),
        )
    return matrix


@given(some_matrix())
def test_a3_whatever_the_matrix_every_seat_and_account_is_told_once(matrix: Matrix) -> None:
    rules = built_in_layouts()["one_x_n"].public

    compiled = matrix.compile(*rules)

    wanted = sum(
        rule.count * len(rule.platforms)
        for rule in rules
        for unit in matrix.units
        if unit.kind is rule.per
    )
    told = [line.account_id for lines in compiled.lines.values() for line in lines]
    proposed = [
        (line.platform, line.candidate.staff_id)
        for line in compiled.lines[SeatState.MISSING]
        if line.candidate is not None
    ]
    holders = {(account.platform, account.staff_id) for account in matrix.accounts}
    able = {person.id for person in matrix.staff if person.status is StaffStatus.ACTIVE}
    assert compiled.wanted == wanted
    assert sorted(filter(None, told)) == sorted(account.id for account in matrix.accounts)
    assert len(set(proposed)) == len(proposed)
    assert not holders & set(proposed)
    assert {staff_id for _, staff_id in proposed} <= able
