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
        roles=frozenset({Role.ANALYST}),
        scopes=frozenset(scopes),
    )

    assert key.sees_personal_data is sees
