"""Refusals as data: every mutation answers its result or one of these."""

from typing import TypeAlias

import strawberry

from gateway.upstream import Refused


@strawberry.interface(description="Why a mutation did nothing.")
class Problem:
    code: str = strawberry.field(
        description="Stable and machine-readable, e.g. `lead_not_offered`."
    )
    message: str
    path: list[str] = strawberry.field(
        description='The argument at fault, e.g. ["input", "target", "unitIds", "0"]; may be empty.'
    )


@strawberry.type(description="Absent, or of another brand: the two look the same.")
class NotFound(Problem):
    pass


@strawberry.type(description="Not possible in the present state.")
class Conflict(Problem):
    pass


@strawberry.type(description="This credential may not do it.")
class NotAllowed(Problem):
    pass


@strawberry.type(description="A value that no rule allows; `path` names it.")
class Invalid(Problem):
    pass


@strawberry.type(description="Too much in too short a time; repeat later.")
class RateLimited(Problem):
    pass


Refusal: TypeAlias = NotFound | Conflict | NotAllowed | Invalid | RateLimited

_BY_STATUS: dict[int, type[Refusal]] = {
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}


def problem_of(refused: Refused) -> Refusal:
    kind = _BY_STATUS.get(refused.status, Invalid)
    return kind(code=refused.code, message=refused.message, path=path_of(refused.field))


def path_of(pointer: str | None) -> list[str]:
    """A JSON Pointer into a service's body as a path into the mutation's arguments."""
    if not pointer:
        return []
    if pointer == "/Idempotency-Key":
        return ["input", "idempotencyKey"]
    parts = (part.replace("~1", "/").replace("~0", "~") for part in pointer.strip("/").split("/"))
    return ["input", *(_camel(part) for part in parts)]


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)
