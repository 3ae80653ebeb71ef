"""What becomes of an account whose person leaves."""

from enum import StrEnum

from shared.events.account import Ownership, Platform


class Fate(StrEnum):
    HAND_OVER = "hand_over"
    RETIRE = "retire"
    """It leaves the matrix: the person keeps it, or nobody else can sign in."""
    ASK = "ask"
    """Nobody has said whose it is."""


PERSONAL = frozenset({Platform.WECOM, Platform.WECHAT})
"""An account there is the person: its customers can be moved, itself it cannot."""


def fate_of(platform: Platform, ownership: Ownership | None) -> Fate:
    if platform in PERSONAL:
        return Fate.RETIRE
    if ownership is None:
        return Fate.ASK
    return Fate.RETIRE if ownership is Ownership.STAFF_OWNED else Fate.HAND_OVER
