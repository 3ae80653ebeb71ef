"""Times that somebody sends: none of those that the driver reads back as something else."""

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
