"""Many callers, one transaction: while one batch is worked on, the next one gathers.

No timer is needed: a lone caller waits for nobody, and the more there are the larger the batches.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from shared.database import is_outage

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

_AT_MOST = 100


class Gathering(Generic[K, T, R]):
    """Gives each caller its part of what `work` did for all items of a key that had gathered.

    `work` answers item by item, in order; an exception among the answers is raised to that item's
    caller. When it raises instead, each item is worked on alone, so that one cannot spoil another:
    what it did until then must have been rolled back.
    """

    def __init__(
        self, work: Callable[[K, Sequence[T]], Awaitable[Sequence[R | Exception]]]
    ) -> None:
        self._work = work
        self._waiting: dict[K, list[tuple[T, asyncio.Future[R]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, key: K, item: T) -> R:
        """The answer for `item`. A caller that stops waiting may or may not take its item back."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        if key in self._waiting:
            self._waiting[key].append((item, future))
        else:
            self._waiting[key] = [(item, future)]
            # of nobody's trace: it works for all of them
            task = asyncio.create_task(self._run(key), context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _run(self, key: K) -> None:
        waiting = self._waiting[key]
        while waiting:
            batch = [each for each in waiting[:_AT_MOST] if not each[1].done()]
            del waiting[:_AT_MOST]
            answers = await self._answer(key, [item for item, _ in batch])
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():
                    continue  # its caller gave up waiting
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
        del self._waiting[key]

    async def _answer(self, key: K, items: Sequence[T]) -> Sequence[R | Exception]:
        if not items:
            return []
        try:
            return await self._work(key, items)
        except Exception as error:
            if len(items) == 1 or is_outage(error):
                return [error] * len(items)
        return [answer for item in items for answer in await self._answer(key, [item])]
