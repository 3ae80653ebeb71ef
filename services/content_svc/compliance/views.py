"""Readings of one text that see through disguises and still point into the original.

A view is a string with, for each of its characters, the span of the original that it came from,
so any match maps back to code points of what the seller wrote.
"""

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import opencc
import pypinyin

SENTENCE_BREAKS = frozenset(",。!?;\n")
"""Sentence punctuation as the base view spells it (full-width marks are already folded)."""


@dataclass(frozen=True, slots=True)
class View:
    """`text[i]` stands for `original[start[i]:end[i]]`."""

    text: str
    start: Sequence[int]
    end: Sequence[int]

    def span(self, first: int, stop: int) -> tuple[int, int]:
        """The original span of the non-empty match `text[first:stop]`."""
        return self.start[first], self.end[stop - 1]


_LOOK_ALIKES = dict(
    zip(
        "авекмнорстухіјѕԛԝѵѡ" + "αβεικνορτυχηωγ" + "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ" + "ɑɡıʋօոսհꓦꓪꓫꮩꮃ",
        "abekmhopctyxijsqwvw" + "abeiknoptuxnwy" + "abcdefghijklmnoprstuvwyz" + "agivonuhvwxvw",
        strict=True,
    )
)
_IGNORABLE = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_T2S = opencc.OpenCC("t2s")


def _spelled_out() -> dict[str, str]:
    """Letters and digits that NFKC leaves inside circles, squares and flags."""
    table: dict[str, str] = {}
    for offset in range(26):
        letter = chr(ord("a") + offset)
        for first in (0x1F150, 0x1F170, 0x1F1E6):
            table[chr(first + offset)] = letter
    for offset in range(10):
        for first in (0x2776, 0x2780, 0x278A, 0x24F5):
            table[chr(first + offset)] = str(offset + 1)
        table[chr(0x24EB + offset)] = str(offset + 11)
    table.update({"⓿": "0", "🄋": "0", "🄌": "0", "🔟": "10", "🆔": "id", "🆚": "vs"})
    table.update({"🆗": "ok", "🆕": "new", "🆓": "free"})
    return table


_SPELLED_OUT = _spelled_out()


def _fold_once(char: str) -> str:
    folded = []
    for piece in _SPELLED_OUT.get(char) or unicodedata.normalize("NFKC", char):
        # Cs: half of a surrogate pair cannot be encoded, so no matcher could read it.
        if piece in _IGNORABLE or unicodedata.category(piece) in ("Cf", "Mn", "Me", "Cs"):
            continue
        for lowered in piece.lower():
            simple = _T2S.convert(_LOOK_ALIKES.get(lowered, lowered))
            folded.append(simple if len(simple) == 1 else lowered)
    return "".join(folded)


def _fold(char: str) -> str:
    # A few characters need a second round (İ lowers to i and a mark, ſ folds after NFKC); folding
    # to a fixed point is what makes the view stable when it is read again.
    folded = _fold_once(char)
    for _ in range(4):
        again = "".join(_fold_once(piece) for piece in folded)
        if again == folded:
            break
        folded = again
    return folded


class _Folded(dict[str, str]):
    """Folding is per character, so each character is worked out once for the process."""

    def __missing__(self, char: str) -> str:
        folded = self[char] = _fold(char)
        return folded


_FOLDED = _Folded()


def base(text: str) -> View:
    """Width, case, script, look-alikes and invisible characters evened out."""
    pieces = [_FOLDED[char] for char in text]
    folded = "".join(pieces)
    if len(folded) == len(text) and "" not in pieces:
        return View(folded, range(len(text)), range(1, len(text) + 1))
    start: list[int] = []
    end: list[int] = []
    for index, piece in enumerate(pieces):
        if piece:
            start.extend([index] * len(piece))
            end.extend([index + 1] * len(piece))
        elif end:
            # A dropped mark belongs to the character before it, all of whose pieces end here.
            previous = end[-1]
            last = len(end)
            while last and end[last - 1] == previous:
                last -= 1
            end[last:] = [index + 1] * (len(end) - last)
    return View(folded, start, end)


class _Skeletal(dict[str, str]):
    def __missing__(self, char: str) -> str:
        kept = char if char.isalnum() else "\n" if char in SENTENCE_BREAKS else ""
        self[char] = kept
        return kept


_SKELETAL = _Skeletal()


def skeleton(view: View) -> View:
    """Letters, digits and Han of the base view.

    Sentence punctuation stays as a line break, so that no match can reach over it.
    """
    pieces = [_SKELETAL[char] for char in view.text]
    compress = itertools.compress
    return View(
        "".join(pieces), list(compress(view.start, pieces)), list(compress(view.end, pieces))
    )


def gapped_lines(view: View) -> View:
    """The lines of a skeleton in which something was skipped between two characters.

    Only there can the skeleton say more than the base view, and no match reaches over a line.
    """
    text = view.text
    high = 0
    lines: list[tuple[int, int]] = []
    for index, (end, start) in enumerate(zip(view.end, view.start[1:], strict=False)):
        if end != start and index >= high and text[index] != "\n" and text[index + 1] != "\n":
            low = text.rfind("\n", 0, index) + 1
            high = text.find("\n", index) + 1 or len(text)
            lines.append((low, high))
    return View(
        "".join([text[low:high] for low, high in lines]),
        [at for low, high in lines for at in view.start[low:high]],
        [at for low, high in lines for at in view.end[low:high]],
    )


_NUMERALS = str.maketrans(
    "零〇○洞幺壹一丨二贰两三叁四肆五伍六陆七柒拐八捌九玖勾",
    "000011112223344556677788999",
)
_LETTER_DIGITS = re.compile(r"(?<=\d)[ol]+|[ol]+(?=\d)")
_O_AND_L = str.maketrans("ol", "01")


def digits(view: View) -> View:
    """The skeleton with numbers written in words as digits. Only contact detectors read it."""
    text = view.text.translate(_NUMERALS)
    if "o" in text or "l" in text:
        text = _LETTER_DIGITS.sub(lambda match: match[0].translate(_O_AND_L), text)
    return View(text, view.start, view.end)


_SYLLABLES: dict[str, str] = {}
# next() and setdefault() are atomic, so two threads never give one code to two syllables.
_FREE_CODES = itertools.count(0xE000)


class _Sounded(dict[str, str]):
    def __missing__(self, char: str) -> str:
        code = char
        if not char.isascii() and (reading := pypinyin.lazy_pinyin(char)) != [char]:
            syllable = reading[0]
            code = _SYLLABLES.get(syllable) or _SYLLABLES.setdefault(
                syllable, chr(next(_FREE_CODES))
            )
        self[char] = code
        return code


_SOUNDED = _Sounded()


def syllable(char: str) -> str:
    """The toneless syllable of a Han character."""
    return pypinyin.lazy_pinyin(char)[0]


def sound(text: str) -> str:
    """One private-use character per toneless syllable; same length as `text`."""
    return "".join([_SOUNDED[char] for char in text])


def pinyin(view: View) -> View:
    """How the skeleton sounds, for long high-risk terms written with homophones."""
    return View(sound(view.text), view.start, view.end)
