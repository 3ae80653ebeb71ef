"""Times that somebody sends: none of those that the driver reads back as something else."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.instants import Instant

_INSTANT = TypeAdapter(Instant)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59-12:00",
        "2026-11-10T00:00:00",
    ],
)
def test_what_the_database_cannot_give_back_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        _INSTANT.validate_python(text)


@pytest.mark.parametrize("text", ["0001-01-02T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_for_ever_may_be_said_as_usual(text: str) -> None:
    assert _INSTANT.validate_python(text).isoformat() == text.replace("Z", "+00:00")


@pytest.mark.parametrize("given", [0, -1, 1.5, 1_796_000_000_000, True, "1796000000", "-1", ""])
def test_a_number_is_no_time(given: object) -> None:
    with pytest.raises(ValidationError):
        _INSTANT.validate_python(given)


def test_a_time_that_is_one_already_is_taken() -> None:
    at = datetime(2026, 11, 28, 1, 30, tzinfo=UTC)

    assert _INSTANT.validate_python(at) == at
    assert _INSTANT.validate_python("2026-11-28T09:30:00+08:00") == at
