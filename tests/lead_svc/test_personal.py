import pytest

from lead_svc.personal import mask_id, mask_name, mask_phone


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("+8613812348000", "138****8000"),
        ("+8657188001234", "571****1234"),
        ("+16502530000", "+16****0000"),
        ("+8695588", "****"),
    ],
)
def test_l3_of_a_number_the_middle_is_hidden(phone: str, shown: str) -> None:
    assert mask_phone(phone) == shown


def test_l3_of_a_name_or_an_id_the_first_character_is_shown() -> None:
    assert mask_name("陈小明") == "陈*"
    assert mask_id("chen_xm") == "c***"
    assert mask_id("chen@example.com") == "c***@example.com"
