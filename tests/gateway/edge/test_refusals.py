"""What a client is told of an operation that failed."""

from typing import Any

import pytest
from graphql import execute_sync, parse

from gateway.edge.refusals import shown
from gateway.schema import schema

PHONE = "19908642975"


@pytest.mark.parametrize(
    ("declaration", "value", "told"),
    [
        (
            "$v: String!",
            [PHONE],
            "Variable '$v' has invalid value: String cannot represent a non string value",
        ),
        (
            "$v: CaptureLeadInput!",
            PHONE,
            "Variable '$v' has invalid value: Expected value of type 'CaptureLeadInput' to be an "
            "object",
        ),
        (
            "$v: CaptureLeadInput!",
            {"fone": PHONE},
            "Variable '$v' has invalid value: Expected value of type 'CaptureLeadInput' not to "
            "include unknown field 'fone'",
        ),
        ("$v: Stage!", PHONE, "Variable '$v' has invalid value: no such value"),
        (
            "$v: CaptureLeadInput!",
            {"consent": {"purpose": "x", "noticeVersion": "1", "at": PHONE}},
            "Variable '$v' has invalid value at .consent.at: expected an RFC 3339 instant with "
            "an offset, such as 2026-11-22T08:00:00Z",
        ),
    ],
)
def test_variable_that_does_not_fit_is_named_without_its_value(
    declaration: str, value: Any, told: str
) -> None:
    result = execute_sync(
        schema._schema,
        parse(f"query({declaration}) {{ __typename }}"),
        variable_values={"v": value},
        hide_suggestions=True,
    )
    assert result.errors is not None
    assert [shown(error, "request").message for error in result.errors] == [told]
