"""What a run has done so far."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace

from account_svc.use_cases.imports.lines import Problem

CLASH = "another has it, upper and lower case being the same"


class TakenMeanwhile(Exception):
    """Somebody added one of the names since it was looked for: looked for again, it is found."""


@dataclass
class Tally:
    rows_read: int = 0
    rows_added: int = 0
    rows_changed: int = 0
    rows_unchanged: int = 0
    rows_refused: int = 0
    problems: list[Problem] = field(default_factory=list)
    """Not yet written to the database."""

    def refuse(self, line: int, name: str, reason: str) -> None:
        self.refuse_line([Problem(line, name, reason)])

    def refuse_line(self, problems: Sequence[Problem]) -> None:
        self.rows_refused += 1
        self.problems.extend(problems)

    def note_added(self, rows: Iterable[tuple[int, str, bool]]) -> None:
        """Count new rows: line, field of the name, and whether the name was free."""
        for line, name, was_free in rows:
            if was_free:
                self.rows_added += 1
            else:
                self.refuse(line, name, CLASH)

    def note_change(self, *, is_changed: bool) -> None:
        if is_changed:
            self.rows_changed += 1
        else:
            self.rows_unchanged += 1

    def copy(self) -> "Tally":
        """For a transaction that may have to be tried again."""
        return replace(self, problems=list(self.problems))

    def become(self, other: "Tally") -> None:
        for part in fields(self):
            setattr(self, part.name, getattr(other, part.name))

    def counts(self) -> dict[str, int]:
        return {
            "rows_read": self.rows_read,
            "rows_added": self.rows_added,
            "rows_changed": self.rows_changed,
            "rows_unchanged": self.rows_unchanged,
            "rows_refused": self.rows_refused,
        }
