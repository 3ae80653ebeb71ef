"""The layout compiler: rules and a snapshot in, seats and what is wrong with them out."""

from account_svc.layout.built_in import built_in_layouts
from account_svc.layout.candidates import Candidate, Nobody, Place
from account_svc.layout.compiling import (
    Cause,
    City,
    Compiled,
    Quota,
    SeatLine,
    SeatState,
    compile_layout,
)
from account_svc.layout.snapshot import Person, Registered, Snapshot, Unit

__all__ = [
    "Candidate",
    "Cause",
    "City",
    "Compiled",
    "Nobody",
    "Person",
    "Place",
    "Quota",
    "Registered",
    "SeatLine",
    "SeatState",
    "Snapshot",
    "Unit",
    "built_in_layouts",
    "compile_layout",
]
