from typing import Any

import pytest

from lead_svc.score import Signals, score


def signals(**overrides: Any) -> Signals:
    nothing: dict[str, Any] = {
        "has_phone": False,
        "has_private_contact": False,
        "has_post": False,
        "has_account": False,
        "has_unit": False,
        "product": None,
        "city": None,
        "words": "",
        "earlier_leads": 0,
        "has_consent": False,
    }
    return Signals(**{**nothing, **overrides})


def test_l5_a_lead_that_says_nothing_scores_nothing() -> None:
    rated = score(signals())

    assert (rated.points, rated.grade, rated.reasons) == (0, "D", [])


def test_l5_every_point_has_a_reason() -> None:
    rated = score(signals(has_phone=True, has_post=True, has_account=True, words="想预约试驾"))

    assert (rated.points, rated.grade) == (65, "B")
    assert rated.reasons == [
        {"rule": "phone", "points": 30, "because": "留下了手机号"},
        {"rule": "intent_word", "points": 20, "because": "咨询内容含购买意向词"},
        {"rule": "own_post", "points": 15, "because": "来自本品牌发布的内容"},
    ]


@pytest.mark.parametrize(
    ("given", "points", "grade"),
    [
        ({"has_phone": True}, 30, "C"),
        ({"has_phone": True, "has_private_contact": True}, 50, "B"),
        ({"has_phone": True, "has_private_contact": True, "words": "多少钱"}, 70, "A"),
        ({"has_private_contact": True, "has_account": True}, 25, "D"),
        ({"city": "杭州", "has_unit": True}, 10, "D"),
    ],
)
def test_l5_grades_follow_the_points(given: dict[str, Any], points: int, grade: str) -> None:
    rated = score(signals(**given))

    assert (rated.points, rated.grade) == (points, grade)


def test_l5_a_score_never_passes_one_hundred() -> None:
    everything = signals(
        has_phone=True,
        has_private_contact=True,
        has_post=True,
        has_account=True,
        has_unit=True,
        product="SUV",
        city="杭州",
        words="报价",
        earlier_leads=2,
        has_consent=True,
    )

    rated = score(everything)

    assert sum(reason["points"] for reason in rated.reasons) == 120
    assert (rated.points, rated.grade) == (100, "A")
