"""Bugs that are put into the product from outside, to see that the checker finds each.

One file per bug in `bugs/`: what it is, the texts it replaces, the trouble that brings it out.
"""

import importlib
import pkgutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tests.chaos.inject.edits import Edit

Trouble = Literal[
    "none",
    "slow workers killed",
    "connections of workers reset",
    "slow apis",
    "a second worker",
    "two changes at a time",
    "apis killed",
    "subscriber fails",
    "a broker lost",
]
"""What goes with the load of a bug's run: see `tests.chaos.planted.troubles`."""


@dataclass(frozen=True)
class Planted:
    """`breaks` names the invariants of which one at least must be reported, and for the reason
    that `shows` (a regular expression) tells: what else goes wrong does not count."""

    says: str
    edits: tuple[Edit, ...]
    breaks: frozenset[str]
    shows: str
    trouble: Trouble = "none"


def find_planted(name: str) -> Planted:
    """A bug, or several at once (`one+another`), with the trouble of the first."""
    first, _, others = name.partition("+")
    bug: Planted = importlib.import_module(f"{__name__}.bugs.{first}").BUG
    if others:
        more = find_planted(others)
        bug = replace(
            bug,
            edits=bug.edits + more.edits,
            breaks=bug.breaks | more.breaks,
            shows=f"{bug.shows}|{more.shows}",
        )
    return bug


def list_planted() -> list[str]:
    """The names of all bugs: a module each in `bugs`."""
    return sorted(
        module.name for module in pkgutil.iter_modules([str(Path(__file__).parent / "bugs")])
    )
