"""Formulas: what they let through, what they pay, and what is said of the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from account_svc.models import BadFormula, RuleFacts, Trigger, work_out
from account_svc.models.formula import VARIABLES, check_formula

LEAD, DEAL = Trigger.LEAD_ACCEPTED, Trigger.DEAL_WON


@pytest.mark.parametrize(
    ("trigger", "text", "facts", "expected"),
    [
        (LEAD, '20 if grade == "A" else 10', {"grade": "A"}, 20),
        (LEAD, '20 if grade == "A" else 10', {"grade": "B"}, 10),
        (LEAD, "max(score - 60, 0) * 2", {"score": 75}, 30),
        (LEAD, "0 if not from_post else 5 + 5 * from_campaign", {"from_post": 1}, 5),
        (DEAL, 'min(amount * 15 // 10000, 50000) if currency == "CNY" else 0', {}, 2_999),
        (DEAL, "amount % 7 + 1", {"amount": 13}, 7),
        (Trigger.POST_PUBLISHED, '2 if platform in "xiaohongshu douyin" else 1', {}, 2),
    ],
)
def test_a11_a_formula_pays_by_the_facts_of_its_event(
    trigger: Trigger, text: str, facts: dict[str, int | str], expected: int
) -> None:
    known: dict[str, int | str] = {
        "score": 0,
        "grade": "",
        "from_post": 0,
        "from_campaign": 0,
        "amount": 1_999_900,
        "currency": "CNY",
        "platform": "douyin",
        "in_campaign": 0,
    }

    check_formula(trigger, text)

    assert work_out(text, known | facts) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1 +", "is not an expression"),
        ("", "is not an expression"),
        ("1; 2", "is not an expression"),
        ("__import__('os').system('x')", "only min and max"),
        ("grade.__class__", "is not allowed in a formula"),
        ("[x for x in (1, 2)]", "is not allowed in a formula"),
        ("lambda: 1", "is not allowed in a formula"),
        ("f'{score}'", "is not allowed in a formula"),
        ("score ** 9", "is not allowed in a formula"),
        ("score / 2", "is not allowed in a formula"),
        ("1 << 9", "is not allowed in a formula"),
        ("open('x')", "only min and max"),
        ("min(score)", "only min and max"),
        ("min(score, 1, key=max)", "only min and max"),
        ("1.5 * score", "the value at byte 1 is no whole number"),
        ("True", "the value at byte 1 is no whole number"),
        ("score * 1000000000001", "is larger than"),
        ("amount // 100", "the name at byte 1 is unknown here; lead_accepted tells score, grade"),
        ("min", "the name at byte 1 is unknown here"),
        ("grade", "pays a text or a yes or no, not a whole number for score=0, grade=''"),
        ("score > 1", "pays a text or a yes or no, not a whole number"),
        ("score - 50", "pays -50, which is not between 0 and"),
        ("10 // score", "divides by zero for score=0"),
        ("score + grade", "cannot be worked out"),
        ("'%999999999d' % score", "a text is no number to reckon with"),
        ("grade * 1000000", "a text is no number to reckon with"),
        ("-" * 100 + "1", "is nested more than"),
        ("(" * 300 + "1" + ")" * 300, "is not an expression"),
    ],
)
def test_a11_what_is_no_formula_is_refused_with_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(BadFormula) as refused:
        check_formula(LEAD, text)

    assert told in str(refused.value)


@given(
    st.text(max_size=60)
    | st.text("score grade()+-*/%<>=!,'\"0123456789ifels andornot ", max_size=60)
)
def test_a11_no_text_does_more_than_pay_or_be_refused(text: str) -> None:
    try:
        check_formula(LEAD, text)
    except BadFormula:
        return
    facts = {name: values[-1] for name, values in VARIABLES[LEAD].items()}
    assert isinstance(work_out(text, facts), int)


def test_a11_a_formula_pays_instead_of_an_amount_not_beside_it() -> None:
    with pytest.raises(ValidationError, match="not beside them"):
        RuleFacts(trigger=LEAD, amount=5, formula="10", currency="points")
