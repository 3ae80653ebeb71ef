"""Typed ids are those of the TypeID library, digit by digit and refusal by refusal."""

from uuid import UUID

import uuid_utils
from hypothesis import example, given
from hypothesis import strategies as st
from typeid import TypeID

from shared.ids import parse_id, parse_typed, typed


@given(st.integers(min_value=0, max_value=2**128 - 1))
@example(0)
@example(2**128 - 1)
@example(2**60)
@example(2**60 - 1)
def test_g8_every_uuid_is_rendered_as_the_specification_says(number: int) -> None:
    rendered = typed("lead", UUID(int=number))

    assert rendered == str(TypeID.from_uuid(uuid_utils.UUID(int=number), prefix="lead"))
    assert parse_id("lead", rendered) == UUID(int=number)


_PARTS = st.text("abz_09ilou7A\n", max_size=70) | st.from_regex(r"[a-z_]{0,4}", fullmatch=True)
_ENDS = st.from_regex(r"[0-9a-zA-Z]{24,27}", fullmatch=True) | st.from_regex(
    r"[0-8][0-9a-hjkmnp-tv-z]{25}", fullmatch=True
)


@given(st.builds("{}_{}".format, _PARTS, _ENDS) | _ENDS | st.text(max_size=40))
@example("lead_01k8000000e008000000001mt0")
@example("01k8000000e008000000001mt0")
@example("_01k8000000e008000000001mt0")
@example("a_b_01k8000000e008000000001mt0")
@example("a__01k8000000e008000000001mt0")
@example("a0_01k8000000e008000000001mt0")
@example("0a_01k8000000e008000000001mt0")
@example("a_0_01k8000000e008000000001mt0")
@example(f"{'a' * 63}_01k8000000e008000000001mt0")
@example(f"{'a' * 64}_01k8000000e008000000001mt0")
@example("lead_81k8000000e008000000001mt0")
@example("lead_01K8000000E008000000001MT0")
@example("lead_01k8000000e008000000001mt0\n")
def test_g8_a_text_is_read_or_refused_as_the_library_does(text: str) -> None:
    try:
        parsed = TypeID.from_string(text)
        theirs = (parsed.prefix, parsed.uuid.int)
    except Exception:
        theirs = None
    try:
        prefix, value = parse_typed(text)
        ours = (prefix, value.int)
    except ValueError:
        ours = None

    assert ours == theirs
