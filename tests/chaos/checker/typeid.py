"""Typed ids read by hand: prefix, underscore, 26 digits of Crockford's base32 (TypeID 0.3)."""

from uuid import UUID

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def uuid_of(typed: str) -> UUID:
    number = 0
    for digit in typed.rpartition("_")[2]:
        number = number * 32 + _DIGITS.index(digit)
    return UUID(int=number)


def typed(prefix: str, value: UUID) -> str:
    number, digits = value.int, ""
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits = _DIGITS[digit] + digits
    return f"{prefix}_{digits}"
