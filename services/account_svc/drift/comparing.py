"""From a persona's card and two profiles to a score for each field, and one for the pair: pure."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import pairwise

from account_svc.drift.rules import DriftField, DriftRules


class DriftState(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNCHECKED = "unchecked"
    """Too little is known of one of the accounts."""


@dataclass(frozen=True, slots=True)
class Card:
    """What the persona is meant to look like for this seller, in this store."""

    name: str | None
    """The card's pattern filled in; None: there is no pattern."""
    bio: str
    picture_hash: str | None
    store: str | None
    taboo_words: tuple[str, ...]
    interests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """An account as somebody, or a connector, saw it. None: it was not looked at."""

    name: str
    bio: str | None = None
    picture_hash: str | None = None
    """64 bits of a perceptual hash as 16 hex digits."""
    store: str | None = None
    tone_score: int | None = None
    """How well it keeps the persona's tone, 0 to 100, as who looked judged it."""
    interests: tuple[str, ...] | None = None
    """Of its fans."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field; `score` is its weakest side, from 0 to 1, None when it cannot be known."""

    field: DriftField
    score: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Drift:
    state: DriftState
    score: float | None
    """The weighted share of what is known; None when nothing is."""
    fields: tuple[Comparison, ...]


Sides = list[tuple[str, float]]


def compare(rules: DriftRules, card: Card, public: Profile, private: Profile) -> Drift:
    fields = tuple(_weakest(field, _SIDES[field](rules, card, public, private)) for field in _SIDES)
    by_name = {each.field: each for each in fields}
    known = total = reached = 0.0
    is_broken = False
    for rule in rules.field:
        score = by_name[rule.name].score
        total += rule.weight
        if score is not None:
            known += rule.weight
            reached += rule.weight * score
            is_broken |= score < rule.fails_below
    overall = reached / known if known else None
    if is_broken:
        state = DriftState.FAILED
    elif overall is None or known < rules.known_at * total:
        state = DriftState.UNCHECKED
    else:
        state = DriftState.PASSED if overall >= rules.passes_at else DriftState.FAILED
    return Drift(state, overall, fields)


def failing_fields(
    rules: DriftRules, state: DriftState, scores: Mapping[str, float | None]
) -> list[DriftField]:
    """What a failed pair failed by: fields below their own limit, else those that pulled the whole
    below its limit."""
    if state is not DriftState.FAILED:
        return []
    known = [(rule, scores[rule.name]) for rule in rules.field]
    broken = [rule.name for rule, score in known if score is not None and score < rule.fails_below]
    return broken or [
        rule.name for rule, score in known if score is not None and score < rules.passes_at
    ]


def _weakest(field: DriftField, sides: Sides) -> Comparison:
    if not sides:
        return Comparison(field, None, "not known of both")
    between, score = min(sides, key=lambda side: side[1])
    return Comparison(field, score, f"{between}: {round(score * 100)} %")


def _name(_: DriftRules, card: Card, public: Profile, private: Profile) -> Sides:
    sides = [("public and private", _likeness(public.name, private.name))]
    if card.name is not None:
        sides += [
            ("card and public", _likeness(card.name, public.name)),
            ("card and private", _likeness(card.name, private.name)),
        ]
    return sides


def _picture(rules: DriftRules, card: Card, public: Profile, private: Profile) -> Sides:
    def score(one: str, other: str) -> float:
        differing = (int(one, 16) ^ int(other, 16)).bit_count()
        return float(differing <= rules.picture_bits)

    return list(_pairs(card.picture_hash, public.picture_hash, private.picture_hash, score))


def _bio(_: DriftRules, card: Card, public: Profile, private: Profile) -> Sides:
    return list(_pairs(card.bio or None, public.bio, private.bio, _overlap))


def _store(_: DriftRules, card: Card, public: Profile, private: Profile) -> Sides:
    def score(one: str, other: str) -> float:
        return float(_plain(one) == _plain(other))

    return list(_pairs(card.store, public.store, private.store, score))


def _tone(_: DriftRules, card: Card, public: Profile, private: Profile) -> Sides:
    del card
    looked_at = (("public", public.tone_score), ("private", private.tone_score))
    return [(name, score / 100) for name, score in looked_at if score is not None]


def _taboo_words(_: DriftRules, card: Card, public: Profile, private: Profile) -> Sides:
    words = {word for word in map(_plain, card.taboo_words) if word}

    def score(profile: Profile) -> float:
        text = f"{profile.name}\n{profile.bio or ''}"
        plain, whole = _plain(text), _folded(text)
        return float(not any(word in plain or word in whole for word in words))

    if not words:
        return []
    return [("public", score(public)), ("private", score(private))]


def _interests(_: DriftRules, card: Card, public: Profile, private: Profile) -> Sides:
    """How many of the card's interests the fans share: they may have others besides."""
    wanted = {_plain(word) for word in card.interests}
    if not wanted:
        return []
    return [
        (name, len(wanted & {_plain(word) for word in found}) / len(wanted))
        for name, found in (("public", public.interests), ("private", private.interests))
        if found is not None
    ]


def _pairs(
    card: str | None, public: str | None, private: str | None, score: Callable[[str, str], float]
) -> Iterator[tuple[str, float]]:
    for name, one, other in (
        ("card and public", card, public),
        ("card and private", card, private),
        ("public and private", public, private),
    ):
        if one is not None and other is not None:
            yield name, score(one, other)


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, _plain(one), _plain(other), autojunk=False).ratio()


def _overlap(one: str, other: str) -> float:
    """Shared pairs of neighbouring characters of the shorter text: a bio may say more than the
    card."""
    first, second = _neighbours(one), _neighbours(other)
    smaller = min(len(first), len(second))
    return len(first & second) / smaller if smaller else float(_plain(one) == _plain(other))


def _neighbours(text: str) -> set[tuple[str, str]]:
    return set(pairwise(_plain(text)))


def _plain(text: str) -> str:
    """Letters and digits alone, in one width and case: 「小 茶·南京西路店」 is 小茶南京西路店.

    A text that has none, such as 🍵🍵, is what it is.
    """
    folded = _folded(text)
    return "".join(char for char in folded if char.isalnum()) or folded.strip()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


_SIDES: dict[DriftField, Callable[[DriftRules, Card, Profile, Profile], Sides]] = {
    DriftField.NAME: _name,
    DriftField.PICTURE: _picture,
    DriftField.BIO: _bio,
    DriftField.STORE: _store,
    DriftField.TONE: _tone,
    DriftField.TABOO_WORDS: _taboo_words,
    DriftField.INTERESTS: _interests,
}
