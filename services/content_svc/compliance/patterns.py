"""The small language of the rule files: word classes, and stand-ins for single characters."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

StandIns = Mapping[str, Sequence[str]]

_CLASS_NAME = re.compile(r"\{([a-z][a-z_]*)\}")


class UnknownWordClass(ValueError):
    pass


def expand(pattern: str, classes: Mapping[str, str]) -> str:
    """Replace each `{name}` by the alternatives of that word class."""

    def alternatives(match: re.Match[str]) -> str:
        try:
            return classes[match[1]]
        except KeyError:
            raise UnknownWordClass(f"no word class {{{match[1]}}}") from None

    return _CLASS_NAME.sub(alternatives, pattern)


def word_classes(rows: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Compile word classes in order; a class may use those above it."""
    classes: dict[str, str] = {}
    for name, words in rows.items():
        classes[name] = "(?:" + "|".join(expand(word, classes) for word in words) + ")"
    return classes


def widen(pattern: str, stand_ins: StandIns) -> str:
    """Let every literal character of `pattern` also be written with its stand-ins."""
    widened: list[str] = []
    characters = iter(pattern)
    for char in characters:
        if char == "\\":
            widened.append(char + next(characters))
        elif char == "[":
            widened.append(_widen_set(characters, stand_ins))
        elif char in stand_ins:
            widened.append("(?:" + "|".join([char, *map(re.escape, stand_ins[char])]) + ")")
        else:
            widened.append(char)
    return "".join(widened)


def _widen_set(characters: Iterator[str], stand_ins: StandIns) -> str:
    """The rest of a bracket expression; only single characters can join it."""
    members: list[str] = []
    for char in characters:
        if char == "]" and members:
            break
        members.append(char)
    if members[0] == "^":
        return "[" + "".join(members) + "]"
    extra = [s for member in members for s in stand_ins.get(member, ()) if len(s) == 1]
    return "[" + "".join(members) + "".join(extra) + "]"


def spellings(term: str, stand_ins: StandIns) -> list[str]:
    """Spellings of `term` with stand-ins for up to two of its characters, the plain one first."""
    places = [place for place, char in enumerate(term) if char in stand_ins]
    spelled = {term: None}
    for chosen in itertools.chain(
        itertools.combinations(places, 1), itertools.combinations(places, 2)
    ):
        for pick in itertools.product(*(stand_ins[term[place]] for place in chosen)):
            pieces = list(term)
            for place, piece in zip(chosen, pick, strict=True):
                pieces[place] = piece
            spelled["".join(pieces)] = None
    return list(spelled)
