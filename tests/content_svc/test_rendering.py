"""Rendering: the same seller gets the same text; what is missing is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content_svc.errors import SlotMissing, TemplateMalformed
from content_svc.models import SlotKind
from content_svc.modes import find_missing_passage
from content_svc.rendering import Rendered, Seller, Slot, Source, render, require_well_formed

CITY = Slot("city", SlotKind.CITY, is_required=True, default=None, choices=())
HELLO = Slot("hello", SlotKind.CHOICE, is_required=True, default=None, choices=("你好", "早", "嗨"))
SELLER = Seller(account_id="a-1", name="小陈", store="徐汇店", city="上海")


def rendered(body: str, *slots: Slot, seller: Seller = SELLER, **given_values: str) -> Rendered:
    return render(Source("", body, slots), seller, given_values, seed="s", picks_choices=True)


def test_c8_a_template_renders_the_sellers_own_city() -> None:
    assert rendered("来{{ city }}看看", CITY).text == "来上海看看"


def test_c8_the_campaigns_value_comes_before_the_directorys() -> None:
    assert rendered("来{{city}}看看", CITY, city="苏州").text == "来苏州看看"


def test_c8_a_missing_required_slot_is_named() -> None:
    stranger = Seller(account_id="a-2", name=None, store=None, city=None)

    with pytest.raises(SlotMissing) as refusal:
        rendered("来{{city}}看看", CITY, seller=stranger)

    assert refusal.value.field == "/slots/city"


def test_c8_an_optional_slot_without_a_value_is_empty() -> None:
    extra = Slot("extra", SlotKind.TEXT, is_required=False, default=None, choices=())

    assert rendered("看看{{extra}}", extra).text == "看看"


@given(st.text(min_size=1, max_size=20))
def test_c8_a_choice_is_the_same_every_time_for_one_account(account_id: str) -> None:
    seller = Seller(account_id=account_id, name=None, store=None, city=None)

    first, again = (rendered("{{hello}}", HELLO, seller=seller) for _ in range(2))

    assert first == again
    assert first.text in HELLO.choices


def test_c8_choices_differ_between_accounts() -> None:
    sellers = [Seller(account_id=str(n), name=None, store=None, city=None) for n in range(60)]

    texts = [rendered("{{hello}}", HELLO, seller=seller).text for seller in sellers]

    assert min(texts.count(choice) for choice in HELLO.choices) >= 10


def test_c2_marks_vanish_and_what_lies_outside_them_is_locked() -> None:
    found = rendered("欢迎来{{city}},[[我带你看。]]到店有茶。[[再见]]", CITY)

    assert found.text == "欢迎来上海,我带你看。到店有茶。再见"
    assert found.locked == ["欢迎来上海,", "到店有茶。"]


def test_c2_passages_must_stand_in_their_order() -> None:
    assert find_missing_passage(["甲", "乙"], "甲和乙") is None
    assert find_missing_passage(["甲", "乙"], "乙和甲") == "乙"


@pytest.mark.parametrize(
    ("body", "slots", "field"),
    [
        ("{{nobody}}", (), "/body"),
        ("[[open", (), "/body"),
        ("closed]]", (), "/body"),
        ("[[a[[b]]]]", (), "/body"),
        ("{{city}}", (CITY, CITY), "/slots/1/name"),
        ("x", (Slot("c", SlotKind.CHOICE, True, None, ()),), "/slots/0/choices"),
    ],
)
def test_c1_a_malformed_template_is_refused_at_its_field(
    body: str, slots: tuple[Slot, ...], field: str
) -> None:
    with pytest.raises(TemplateMalformed) as refusal:
        require_well_formed(Source("", body, slots))

    assert refusal.value.field == field
