"""Scalars that pass through: a service's text or number reaches the client as it came."""

from datetime import date, datetime
from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

Instant = NewType("Instant", str)
Day = NewType("Day", str)
Long = NewType("Long", int)

_MOST = 2**53 - 1


def _instant(value: object) -> Instant:
    if isinstance(value, str):
        try:
            if datetime.fromisoformat(value).tzinfo is not None:
                return Instant(value)
        except ValueError:
            pass
    raise GraphQLError("expected an RFC 3339 instant with an offset, such as 2026-11-22T08:00:00Z")


def _day(value: object) -> Day:
    if isinstance(value, str):
        try:
            date.fromisoformat(value)
            return Day(value)
        except ValueError:
            pass
    raise GraphQLError("expected a date such as 2026-11-22")


def _long(value: object) -> Long:
    if isinstance(value, int) and not isinstance(value, bool) and -_MOST <= value <= _MOST:
        return Long(value)
    raise GraphQLError("expected a whole number of at most 53 bits")


SCALARS: dict[object, ScalarDefinition] = {
    Instant: strawberry.scalar(
        name="DateTime",
        description="An RFC 3339 instant in UTC.",
        serialize=str,
        parse_value=_instant,
    ),
    Day: strawberry.scalar(
        name="Date", description="A calendar day.", serialize=str, parse_value=_day
    ),
    Long: strawberry.scalar(
        name="Long",
        description="A whole number of at most 53 bits; amounts are in minor units.",
        serialize=int,
        parse_value=_long,
    ),
}
