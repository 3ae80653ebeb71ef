"""The pure rule: who may do what at an instant."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from account_svc.rights import Cause, Held, judge
from shared.events.account import Right

START = datetime(2026, 1, 1, tzinfo=UTC)
COURSES = [UUID(int=number) for number in range(3)]
hours = st.integers(0, 40).map(lambda number: START + timedelta(hours=number))
certificates = st.lists(
    st.builds(
        lambda course, at, length: Held(course, at, at + timedelta(hours=length)),
        st.sampled_from(COURSES),
        hours,
        st.integers(1, 20),
    ),
    max_size=8,
)
needs = st.lists(st.sampled_from(COURSES), unique=True)


@given(needs, certificates, hours)
def test_a10_a_right_is_there_exactly_while_every_course_is_certified(
    course_ids: list[UUID], held: list[Held], at: datetime
) -> None:
    verdict = judge(Right.LIVE, course_ids, held, departed_at=None, at=at)

    valid = {each.course_id for each in held if each.earned_at <= at < each.expires_at}
    assert verdict.is_held == (set(course_ids) <= valid)
    assert {each.course_id for each in verdict.missing} == set(course_ids) - valid


@given(needs.filter(bool), certificates, hours)
def test_a10_what_is_held_ends_when_it_says(
    course_ids: list[UUID], held: list[Held], at: datetime
) -> None:
    held = [each for each in held if each.earned_at <= at]
    verdict = judge(Right.LIVE, course_ids, held, departed_at=None, at=at)
    end = verdict.expires_at
    assert (end is not None) == verdict.is_held

    moment = timedelta(microseconds=1)
    later = [
        judge(Right.LIVE, course_ids, held, departed_at=None, at=instant)
        for instant in ([] if end is None else [end - moment, end])
    ]

    assert [each.is_held for each in later] == ([] if end is None else [True, False])


@given(needs, certificates, hours, hours)
def test_a10_who_departed_may_nothing_from_then_on(
    course_ids: list[UUID], held: list[Held], departed_at: datetime, at: datetime
) -> None:
    verdict = judge(Right.LIVE, course_ids, held, departed_at=departed_at, at=at)
    before = judge(Right.LIVE, course_ids, held, departed_at=None, at=at)

    assert verdict.is_departed == (departed_at <= at)
    assert verdict.is_held == (before.is_held and at < departed_at)


def test_a10_a_missing_course_says_whether_it_was_ever_there() -> None:
    held = [Held(COURSES[0], START, START + timedelta(hours=1))]

    verdict = judge(Right.LIVE, COURSES[:2], held, departed_at=None, at=START + timedelta(hours=1))

    assert [(each.course_id, each.cause, each.expired_at) for each in verdict.missing] == [
        (COURSES[0], Cause.EXPIRED, START + timedelta(hours=1)),
        (COURSES[1], Cause.NEVER_EARNED, None),
    ]
