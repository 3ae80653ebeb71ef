"""Detectors for what no word list can hold: numbers that mean a phone or an identity card."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from content_svc.compliance import views


@dataclass
class Reading:
    """One text with its views, each built when first asked for."""

    original: str

    @cached_property
    def base(self) -> views.View:
        return views.base(self.original)

    @cached_property
    def skeleton(self) -> views.View:
        return views.skeleton(self.base)

    @cached_property
    def gapped(self) -> views.View:
        return views.gapped_lines(self.skeleton)

    @cached_property
    def digits(self) -> views.View:
        return views.digits(self.skeleton)

    @cached_property
    def pinyin(self) -> views.View:
        return views.pinyin(self.skeleton)


Detector = Callable[[Reading], Iterator[tuple[int, int]]]
"""Yields spans of the original."""

_MOBILE = re.compile(r"(?=(1[3-9]\d{9}))")
_PLAIN_MOBILE = re.compile(r"\d+(?:[-\s.()]{1,2}\d+){0,3}")
_IDENTITY_CARD = re.compile(r"(?<![0-9a-z])\d{17}[0-9x](?![0-9a-z])")
_CARD_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def _mobiles(reading: Reading) -> Iterator[tuple[int, int, bool]]:
    """Every mobile number with whether it is written plainly."""
    view = reading.digits
    for match in _MOBILE.finditer(view.text):
        first, stop = match.span(1)
        is_whole = all(view.start[i + 1] == view.end[i] for i in range(first, stop - 1))
        if _runs_on(view, first - 1, first, is_whole) or _runs_on(view, stop, stop - 1, is_whole):
            continue
        start, end = view.span(first, stop)
        written = views.base(reading.original[start:end]).text
        yield start, end, bool(_PLAIN_MOBILE.fullmatch(written))


def _runs_on(view: views.View, neighbour: int, edge: int, is_whole: bool) -> bool:
    """Whether the digit beside the number belongs to it, so that it is a longer number."""
    if not 0 <= neighbour < len(view.text) or not view.text[neighbour].isdigit():
        return False
    low, high = sorted((neighbour, edge))
    return not (is_whole and view.start[high] > view.end[low])


def plain_mobile(reading: Reading) -> Iterator[tuple[int, int]]:
    return ((start, end) for start, end, is_plain in _mobiles(reading) if is_plain)


def disguised_mobile(reading: Reading) -> Iterator[tuple[int, int]]:
    return ((start, end) for start, end, is_plain in _mobiles(reading) if not is_plain)


def identity_card(reading: Reading) -> Iterator[tuple[int, int]]:
    """Resident identity numbers, by their check digit (GB 11643)."""
    view = reading.base
    for match in _IDENTITY_CARD.finditer(view.text):
        number = match[0]
        total = sum(int(digit) * w for digit, w in zip(number, _CARD_WEIGHTS, strict=False))
        if "10x98765432"[total % 11] == number[17]:
            yield view.span(*match.span())


DETECTORS: dict[str, Detector] = {
    "plain_mobile": plain_mobile,
    "disguised_mobile": disguised_mobile,
    "identity_card": identity_card,
}
