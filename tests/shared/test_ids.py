"""Our rendering of typed ids is the library's, digit by digit."""

from uuid import UUID

import uuid_utils
from hypothesis import example, given
from hypothesis import strategies as st
from typeid import TypeID

from shared.ids import parse_id, typed


@given(st.integers(min_value=0, max_value=2**128 - 1))
@example(0)
@example(2**128 - 1)
@example(2**60)
@example(2**60 - 1)
def test_g8_every_uuid_is_rendered_as_the_specification_says(number: int) -> None:
    rendered = typed("lead", UUID(int=number))

    assert rendered == str(TypeID.from_uuid(uuid_utils.UUID(int=number), prefix="lead"))
    assert parse_id("lead", rendered) == UUID(int=number)
