"""How long a platform asks to be left alone, whatever it writes."""

from datetime import timedelta

import pytest
from multidict import CIMultiDict

from content_svc.connectors.http import retry_after


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        (b"120", timedelta(minutes=2)),
        (b"Mon, 01 Jan 2024 00:00:00 GMT", timedelta(0)),
        (b"9" * 12, timedelta(days=1)),
        (b"9" * 5000, None),
        (b"Mon, 01 Jan 2024 00:00:00 +" + b"9" * 20, None),
        (b"\xb2", None),
        (b"", None),
    ],
)
def test_a_pause_is_at_most_a_day_and_nonsense_is_none(
    value: bytes, pause: timedelta | None
) -> None:
    headers = CIMultiDict({"Retry-After": value.decode("utf-8", "surrogateescape")})

    assert retry_after(headers) == pause
