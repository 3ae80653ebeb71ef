"""Rules that need one row only."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from account_svc.errors import TransitionNotAllowed
from account_svc.key_text import new_key, parse_key
from account_svc.models import (
    TRANSITIONS,
    Account,
    RuleFacts,
    StaffStatus,
    Trigger,
    fixed_reward,
    period_before,
    period_of,
    split_path,
    status_at,
)
from account_svc.models.facts import normal_phone
from account_svc.schemas.staff import mask_name, mask_phone
from account_svc.use_cases.imports.lines import Problem
from account_svc.use_cases.imports.rows import UnitRow
from account_svc.use_cases.imports.units import arrange
from shared.events.account import AccountStatus, UnitKind
from shared.ids import uuid7

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("before", list(AccountStatus))
@pytest.mark.parametrize("after", list(AccountStatus))
def test_a2_an_account_takes_exactly_the_steps_of_the_table(
    before: AccountStatus, after: AccountStatus
) -> None:
    account = Account(status=before)
    is_step = after in TRANSITIONS[before]

    try:
        account.become(after, reason="why", at=NOON)
    except TransitionNotAllowed:
        assert (is_step, account.status, account.status_reason) == (False, before, None)
    else:
        assert (is_step, account.status, account.status_reason) == (True, after, "why")


def test_a2_nothing_follows_retirement() -> None:
    assert TRANSITIONS[AccountStatus.RETIRED] == frozenset()
    assert set(TRANSITIONS) == set(AccountStatus)


@pytest.mark.parametrize(
    ("begins", "ends", "expected"),
    [
        (None, None, StaffStatus.ACTIVE),
        (-1, None, StaffStatus.ABSENT),
        (0, 1, StaffStatus.ABSENT),
        (1, 2, StaffStatus.ACTIVE),
        (-2, 0, StaffStatus.ACTIVE),
    ],
)
def test_an_absence_begins_and_ends_by_the_clock(
    begins: int | None, ends: int | None, expected: StaffStatus
) -> None:
    absent_from, absent_until = (
        None if hours is None else NOON + timedelta(hours=hours) for hours in (begins, ends)
    )

    found = status_at(NOON, departed_at=None, absent_from=absent_from, absent_until=absent_until)

    assert found is expected


def test_a_departed_person_is_departed_whatever_else() -> None:
    found = status_at(NOON, departed_at=NOON, absent_from=NOON, absent_until=None)

    assert found is StaffStatus.DEPARTED


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("13800138000", "+8613800138000"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("021-62881234", "+862162881234"),
        ("+852 2123 4567", "+85221234567"),
    ],
)
def test_phones_are_kept_in_one_form(text: str, normal: str) -> None:
    assert normal_phone(text) == normal


@pytest.mark.parametrize("text", ["12345", "abc", "", "+86 999"])
def test_what_is_no_phone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a phone number"):
        normal_phone(text)


def test_g2_masks_leave_too_little_to_know_the_person() -> None:
    assert mask_name("陈晓") == "陈*"
    assert mask_phone("+8613800138000") == "138****8000"


def test_a_path_is_the_ids_from_the_root() -> None:
    ids = [uuid7() for _ in range(3)]

    assert split_path(b"".join(unit_id.bytes for unit_id in ids)) == ids


@pytest.mark.parametrize(
    ("currency", "rate_bp", "deal_currency", "expected"),
    [
        ("CNY", 150, "CNY", 1_000 + 3_299),
        ("points", 150, "CNY", 1_000 + 32),
        ("CNY", 150, "USD", 1_000),
        ("CNY", 0, "CNY", 1_000),
        ("points", 0, "", 1_000),
    ],
)
def test_a11_a_rule_pays_its_amount_and_its_rate(
    currency: str, rate_bp: int, deal_currency: str, expected: int
) -> None:
    paid = fixed_reward(1_000, rate_bp, currency, deal_minor=219_999, deal_currency=deal_currency)

    assert paid == expected


def test_a11_only_a_deal_has_a_rate() -> None:
    with pytest.raises(ValidationError, match="only a deal"):
        RuleFacts(trigger=Trigger.LEAD_ACCEPTED, rate_bp=1, currency="points")


def test_a11_a_month_is_the_stores_month() -> None:
    assert period_of(datetime(2026, 10, 31, 15, 59, tzinfo=UTC)) == "2026-10"
    assert period_of(datetime(2026, 10, 31, 16, 0, tzinfo=UTC)) == "2026-11"
    assert (period_before("2026-11"), period_before("2026-01")) == ("2026-10", "2025-12")


def test_g2_a_key_is_recognised_by_its_checksum() -> None:
    key = new_key()

    assert len(key.text) == len("kos_live_") + 8 + 43 + 6
    assert parse_key(key.text) == key
    assert key.matches(key.hash)
    assert new_key().text != key.text


@given(place=st.integers(min_value=9, max_value=65), letter=st.sampled_from("0aZ"))
def test_g2_a_mistyped_key_is_no_key(place: int, letter: str) -> None:
    text = new_key().text
    mistyped = text[:place] + letter + text[place + 1 :]

    assert (parse_key(mistyped) is None) == (mistyped != text)


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[tuple[int, UnitRow]], dict[str, str | None]]:
    """A brand's units and a file about them, with cycles and unknown parents in it."""
    codes = [f"U{number}" for number in range(8)]
    known: dict[str, str | None] = {"root": None}
    for code in draw(st.lists(st.sampled_from(codes), unique=True)):
        known[code] = draw(st.sampled_from(list(known)))
    parents = st.sampled_from([*codes, "root", "nowhere", None])
    rows = [
        (line, UnitRow(kind=UnitKind.STORE, code=code, name=code, parent_code=draw(parents)))
        for line, code in enumerate(draw(st.lists(st.sampled_from(codes), unique=True)), start=2)
    ]
    return rows, known


@given(tree=trees())
def test_a1_what_is_taken_from_a_file_is_always_a_tree(
    tree: tuple[list[tuple[int, UnitRow]], dict[str, str | None]],
) -> None:
    rows, known = tree

    ordered, problems = arrange(rows, known)

    refused = {problem.line for problem in problems}
    assert len(refused) == len(problems)
    assert {line for line, _ in ordered} | refused == {line for line, _ in rows}
    parents = dict(known)
    placed = set(known)
    for _, row in ordered:
        assert (row.parent_code or "root") in placed
        placed.add(row.code)
        parents[row.code] = row.parent_code or "root"
    for code in parents:
        way = [code]
        while (above := parents[way[-1]]) is not None:
            assert above not in way
            way.append(above)
        assert way[-1] == "root"


def test_a1_a_good_file_is_taken_whole_in_any_order() -> None:
    rows = [
        (2, UnitRow(kind=UnitKind.TEAM, code="T", name="t", parent_code="S")),
        (3, UnitRow(kind=UnitKind.STORE, code="S", name="s", parent_code="R")),
        (4, UnitRow(kind=UnitKind.REGION, code="R", name="r")),
    ]

    ordered, problems = arrange(rows, {"root": None})

    assert [row.code for _, row in ordered] == ["R", "S", "T"]
    assert problems == []


def test_a1_a_refused_row_leaves_its_unit_where_it_was() -> None:
    rows = [
        (2, UnitRow(kind=UnitKind.STORE, code="S", name="s", parent_code="nowhere")),
        (3, UnitRow(kind=UnitKind.TEAM, code="T", name="t", parent_code="S")),
    ]

    ordered, problems = arrange(rows, {"root": None, "S": "root"})

    assert [row.code for _, row in ordered] == ["T"]
    assert problems == [Problem(2, "parent_code", "no unit has this code")]
