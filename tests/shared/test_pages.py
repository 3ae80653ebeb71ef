"""Cursors: what a caller may hand in as the place to go on from."""

import base64

import orjson
import pytest

from shared.errors import Invalid
from shared.web.pages import Cursor, _cursor, encode_cursor


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")


async def test_a_cursor_comes_back_as_it_went_out() -> None:
    assert await _cursor(5, encode_cursor(7, "a")) == Cursor(first=5, after=[7, "a"])


@pytest.mark.parametrize("value", [{}, [None], [True], [1.5], [2**63], [[1]], "text"])
async def test_what_no_list_has_handed_out_is_refused(value: object) -> None:
    with pytest.raises(Invalid) as refused:
        await _cursor(5, encoded(value))

    assert refused.value.field == "/after"


@pytest.mark.parametrize("after", [[], ["x"], [7]])
def test_a_list_sorted_by_id_goes_on_after_an_id_only(after: list[str | int]) -> None:
    with pytest.raises(Invalid) as refused:
        _ = Cursor(first=5, after=after).after_id

    assert refused.value.field == "/after"
