"""Resolver decorators that keep the types of what they decorate, and say what a field costs."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import strawberry

F = TypeVar("F", bound=Callable[..., Any])

COST = "cost"
"""Metadata of a field that costs more than one."""
OWN_CALL = 20
"""Cost of a field that calls a service for its row alone."""
COMMAND = 10

PERSONAL = "personal"
"""Metadata of inputs whose values may only come as variables, never inside the document."""


def described(description: str, *, cost: int = 1) -> Callable[[F], F]:
    """`@strawberry.field` with a description, and the cost that the limits count."""

    def decorate(resolver: F) -> F:
        made = strawberry.field(resolver=resolver, description=description, metadata={COST: cost})
        return cast("F", made)

    return decorate


def verb(description: str | None = None) -> Callable[[F], F]:
    """`@strawberry.mutation`, at the price of a command."""

    def decorate(resolver: F) -> F:
        made = strawberry.mutation(
            resolver=resolver, description=description, metadata={COST: COMMAND}
        )
        return cast("F", made)

    return decorate


def live(description: str) -> Callable[[F], F]:
    """`@strawberry.subscription` with a description."""

    def decorate(resolver: F) -> F:
        return cast("F", strawberry.subscription(resolver=resolver, description=description))

    return decorate
