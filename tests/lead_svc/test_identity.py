import pytest

from lead_svc.hooks import LeadForm
from lead_svc.identity import identities, normal_phone


@pytest.mark.parametrize(
    "written",
    [
        "13812348000",
        "138 1234 8000",
        "+86 138-1234-8000",
        "0086 13812348000",
        "１３８１２３４８０００",
    ],
)
def test_l2_a_number_has_one_normal_form(written: str) -> None:
    assert normal_phone(written) == "+8613812348000"


@pytest.mark.parametrize("written", ["", "12345", "call me", "138123480001234"])
def test_l2_what_is_no_number_names_nobody(written: str) -> None:
    assert normal_phone(written) is None


def test_l2_a_landline_and_a_foreign_number_keep_their_country() -> None:
    assert normal_phone("0571-88001234") == "+8657188001234"
    assert normal_phone("+1 650-253-0000") == "+16502530000"


def test_l2_ids_of_a_platform_count_on_that_platform_only() -> None:
    form = LeadForm(
        external_lead_id="1",
        phone="13812348000",
        wechat=" Chen_XM ",
        email="Chen@Example.com",
        openid="o1",
        platform_user_id="u1",
        unionid="n1",
        external_userid="w1",
    )

    assert identities(form, "douyin") == [
        ("email", "chen@example.com"),
        ("external_userid", "w1"),
        ("openid", "douyin:o1"),
        ("phone", "+8613812348000"),
        ("platform_user_id", "douyin:u1"),
        ("unionid", "n1"),
        ("wechat", "chen_xm"),
    ]
