"""What a credential may see: extents by role, scopes of keys, personal data."""

import pytest

from shared.access import Principal, Role
from shared.ids import uuid7


@pytest.mark.parametrize(
    ("scopes", "sees"),
    [
        ({"contact.read"}, False),
        ({"*"}, False),
        ({"*.read"}, False),
        ({"personal.*"}, False),
        ({"*.read", "personal.read"}, True),
    ],
)
def test_g2_a_key_sees_personal_data_only_by_the_scope_that_says_so(
    scopes: set[str], sees: bool
) -> None:
    key = Principal(
        brand_id=uuid7(),
        actor="apikey_a",
        roles=frozenset({Role.SCRM}),
        scopes=frozenset(scopes),
    )

    assert key.sees_personal_data is sees


@pytest.mark.parametrize("role", [Role.ANALYST, Role.COMPLIANCE, Role.PLATFORM_ADMIN])
def test_g2_a_scope_does_not_show_a_role_what_it_may_not_see(role: Role) -> None:
    key = Principal(
        brand_id=uuid7(),
        actor="apikey_a",
        roles=frozenset({role}),
        scopes=frozenset({"*", "personal.read"}),
    )

    assert key.sees_personal_data is False
