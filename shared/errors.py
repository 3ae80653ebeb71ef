"""Expected refusals: raised where the rule lives, rendered once as application/problem+json."""

from typing import ClassVar


class ServiceError(Exception):
    """A refusal the caller can act on.

    `code` is stable and machine-readable; `field` names the input at fault as a JSON Pointer
    (`/target/unit_ids/0`), or is None. The message must not carry personal data.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class NotFound(ServiceError):
    """Absent, or of another brand: the two look the same to the caller."""

    status = 404
    code = "not_found"


class Conflict(ServiceError):
    status = 409
    code = "conflict"


class Forbidden(ServiceError):
    status = 403
    code = "forbidden"


class Unauthenticated(ServiceError):
    status = 401
    code = "unauthenticated"


class Invalid(ServiceError):
    """Well-formed, but a value that no rule allows; names the field."""

    status = 422
    code = "invalid"


class TooMany(ServiceError):
    status = 429
    code = "rate_limited"


class Overloaded(ServiceError):
    """The bounded queue in front of the work is full; repeat after `Retry-After`."""

    status = 503
    code = "overloaded"
