"""Random words that stand for themselves alone.

The compliance check reads a "vx" with letters behind it as a way to a WeChat account. Were such
letters in a random key, the check would answer for the letters, and two keys would seem told apart.
"""

import random
import string
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from typing import Any

from content_svc.compliance import Context, Verdict, check, default_pack
from shared.clock import now

Json = dict[str, Any]


@cache
def reads_plain(word: str) -> bool:
    """Whether the compliance check has nothing against the word."""
    context = Context(industry="general", platform="xiaohongshu", today=now().date())
    return check(default_pack(), word, context).verdict is Verdict.PASS


async def with_plain(field: str, make: Callable[[], Awaitable[Json]]) -> Json:
    """Something freshly made whose random `field` reads plain: about one in ten does not."""
    for _ in range(10):
        made = await make()
        if reads_plain(made[field]):
            return made
    raise AssertionError(f"no plain {field} in ten tries")


def other_word(word: str) -> str:
    """As long, of the same kind of characters, and as plain."""
    return next(found for found in _others(word) if reads_plain(found) or not reads_plain(word))


def _others(word: str) -> Iterator[str]:
    chance = random.Random(word)
    if word.startswith("kos_live_"):
        head = "kos_live_"
    elif word.startswith("http"):
        head = word[: word.index("/note/") + 6]
    elif word.startswith("1390"):
        head = "1390"
    else:
        head = ""
    kinds = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
    while True:
        tail = (
            chance.choice(next((kind for kind in kinds if sign in kind), sign))
            for sign in word[len(head) :]
        )
        yield head + "".join(tail)
