"""The columns of each kind of file. A column that is left out has its default in every row."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from account_svc.models import AccountFacts, PersonaKind, StaffFacts, UnitFacts
from account_svc.models.facts import Code, Words
from shared.events.account import AccountStatus, Ownership


def _split(value: Any) -> Any:
    """`a;b` of a CSV field; JSON Lines may send a list."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(";") if word.strip()]
    return value


ListOfWords = Annotated[Words, BeforeValidator(_split)]


class UnitRow(UnitFacts):
    parent_code: Code | None = None
    """Left out: directly under the root of the brand."""


class StaffRow(StaffFacts):
    unit_code: Code
    skills: ListOfWords = Field(default_factory=list)
    product_lines: ListOfWords = Field(default_factory=list)
    languages: ListOfWords = Field(default_factory=list)


class AccountRow(AccountFacts):
    unit_code: Code
    staff_code: Code | None = None
    persona_kind: PersonaKind | None = None
    status: AccountStatus = AccountStatus.PLANNED
    ownership: Ownership | None = None
    """Left out: as it was stated, if it was."""
    ownership_reference: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """Where it is written; it goes with `ownership`."""
