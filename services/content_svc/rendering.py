"""A template with values becomes one seller's text, the same every time.

`{{slot}}` is replaced by the slot's value; `[[…]]` marks a block that a seller may word anew where
the campaign's mode allows it. The marks themselves do not appear in the text.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from content_svc.errors import SlotMissing, TemplateMalformed
from content_svc.models import SlotKind

_TOKEN = re.compile(r"\{\{\s*([a-z][a-z0-9_]{0,39})\s*\}\}|(\[\[)|(\]\])")


@dataclass(frozen=True, slots=True)
class Slot:
    name: str
    kind: SlotKind
    is_required: bool
    default: str | None
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seller:
    """What the directory knows of the account that a text is rendered for."""

    account_id: str
    name: str | None
    store: str | None
    city: str | None


@dataclass(frozen=True, slots=True)
class Rendered:
    title: str
    text: str
    locked: list[str]
    """What lies outside the marked blocks, in order; without blocks the whole text."""


@dataclass(frozen=True, slots=True)
class Source:
    """A template as far as rendering goes."""

    title: str
    body: str
    slots: tuple[Slot, ...]


def read_slots(rows: Sequence[Mapping[str, Any]]) -> tuple[Slot, ...]:
    """The slots as stored with a template."""
    return tuple(
        Slot(
            name=row["name"],
            kind=SlotKind(row["kind"]),
            is_required=row["required"],
            default=row["default"],
            choices=tuple(row["choices"]),
        )
        for row in rows
    )


def require_well_formed(source: Source) -> None:
    """Raise TemplateMalformed for an unknown slot, an open block or a choice without choices."""
    names = [slot.name for slot in source.slots]
    for position, slot in enumerate(source.slots):
        if names.index(slot.name) != position:
            raise TemplateMalformed(
                f"slot {slot.name} is there twice", field=f"/slots/{position}/name"
            )
        if slot.kind is SlotKind.CHOICE and not slot.choices:
            raise TemplateMalformed(
                f"slot {slot.name} has nothing to choose from", field=f"/slots/{position}/choices"
            )
    for field, text in (("/title", source.title), ("/body", source.body)):
        is_open = False
        for token in _TOKEN.finditer(text):
            name, opens, closes = token.groups()
            if name is not None and name not in names:
                raise TemplateMalformed(f"slot {name} is not declared", field=field)
            if (opens and is_open) or (closes and not is_open):
                raise TemplateMalformed("blocks open with [[ and close with ]]", field=field)
            is_open = bool(opens) or (is_open and not closes)
        if is_open:
            raise TemplateMalformed("a block [[ is not closed", field=field)


def render(
    source: Source,
    seller: Seller,
    given: Mapping[str, str],
    *,
    seed: str,
    picks_choices: bool,
) -> Rendered:
    """The text of `seller`; SlotMissing names the first required slot without a value.

    `given` are the campaign's values by slot name. Choices are picked by `seed` and account, so
    rendering again gives the same text.
    """
    values = {
        slot.name: _value(slot, seller, given, seed=seed, picks_choices=picks_choices)
        for slot in source.slots
    }
    title, _ = _fill(source.title, values)
    text, locked = _fill(source.body, values)
    return Rendered(title, text, locked)


def require_given(slots: Sequence[Slot], given: Mapping[str, str]) -> None:
    """Raise SlotMissing for a required slot that only the campaign could fill and does not."""
    for slot in slots:
        by_campaign = slot.kind in (SlotKind.TEXT, SlotKind.PRICE)
        if by_campaign and slot.is_required and not (given.get(slot.name) or slot.default):
            raise SlotMissing(f"slot {slot.name} needs a value", field=f"/slot_values/{slot.name}")


def _value(
    slot: Slot, seller: Seller, given: Mapping[str, str], *, seed: str, picks_choices: bool
) -> str:
    value = given.get(slot.name)
    if not value and slot.kind is SlotKind.CHOICE:
        value = _pick(slot, seller, seed) if picks_choices else slot.choices[0]
    if not value:
        value = {
            SlotKind.CITY: seller.city,
            SlotKind.STORE: seller.store,
            SlotKind.SELLER: seller.name,
        }.get(slot.kind)
    value = value or slot.default
    if not value and slot.is_required:
        raise SlotMissing(f"slot {slot.name} needs a value", field=f"/slots/{slot.name}")
    return value or ""


def _pick(slot: Slot, seller: Seller, seed: str) -> str:
    digest = hashlib.blake2b(
        f"{seed}|{seller.account_id}|{slot.name}".encode(), digest_size=8
    ).digest()
    return slot.choices[int.from_bytes(digest, "big") % len(slot.choices)]


def _fill(pattern: str, values: Mapping[str, str]) -> tuple[str, list[str]]:
    """The filled text and its passages outside blocks."""
    parts: list[str] = []
    locked = [""]
    is_local = False
    end = 0
    for token in _TOKEN.finditer(pattern):
        pieces = [pattern[end : token.start()]]
        if token[1] is not None:
            pieces.append(values[token[1]])
        end = token.end()
        parts.extend(pieces)
        if not is_local:
            locked[-1] += "".join(pieces)
        if token[2]:
            is_local = True
        elif token[3]:
            is_local = False
            locked.append("")
    rest = pattern[end:]
    parts.append(rest)
    locked[-1] += rest
    return "".join(parts), [passage for passage in locked if passage.strip()]
