"""What comes out of `json_object` can be stored; its short way gives what the long way gives."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_svc.hooks.reading import MAX_DEPTH, Unreadable, json_object, storable

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXT | st.just("\0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=15,
)


@given(st.dictionaries(_TEXT, _VALUES, max_size=5))
def test_l1_a_document_without_surprises_is_taken_as_it_is(document: dict[str, Any]) -> None:
    expected = storable(document, "body", 0)

    assert json_object(json.dumps(document).encode(), "body") == expected


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1])
def test_l1_the_deepest_nesting_is_the_same_either_way(depth: int) -> None:
    raw = ('{"a":' * depth + "1" + "}" * depth).encode()

    if depth <= MAX_DEPTH:
        assert json_object(raw, "body")
    else:
        with pytest.raises(Unreadable, match="nested deeper"):
            json_object(raw, "body")
