"""Bugs that are put into the product from outside, to see that the checker finds each.

One file per bug: what it is, the texts it replaces, the faults that bring it out.
"""

import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.chaos.inject.edits import Edit

Trouble = Literal[
    "none",
    "kill consumers",
    "restart postgres",
    "kill relays",
    "second worker",
    "lose a broker",
]
"""The faults that go with the workload of a bug's run; `tests.chaos.planted.run` makes them."""


@dataclass(frozen=True)
class Planted:
    """`breaks` names the invariants of which one at least must be reported."""

    says: str
    edits: tuple[Edit, ...]
    breaks: frozenset[str]
    trouble: Trouble = "none"
    statements: tuple[str, ...] = ()
    """What the bug's author would have had to change in the databases."""


def find_planted(name: str) -> Planted:
    bug: Planted = importlib.import_module(f"{__name__}.bugs.{name}").BUG
    return bug


def list_planted() -> list[str]:
    """The names of all bugs: a module each in `bugs`."""
    return sorted(
        module.name for module in pkgutil.iter_modules([str(Path(__file__).parent / "bugs")])
    )
