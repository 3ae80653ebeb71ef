"""What gathers while a batch is worked on is the next batch; nobody spoils it for another."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.gathering import Gathering


class Doubling:
    """Doubles numbers and keeps what it was given; 13 spoils a batch, 7 is refused by itself."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def work(self, key: str, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append((key, list(items)))
        await self.may_go_on.wait()
        if 13 in items:
            raise LookupError("unlucky")
        return [ValueError("seven") if item == 7 else 2 * item for item in items]


async def test_what_comes_while_a_batch_is_worked_on_is_the_next_batch() -> None:
    doubling = Doubling()
    gathering = Gathering(doubling.work)
    doubling.may_go_on.clear()
    first = asyncio.create_task(gathering.add("a", 1))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(gathering.add("a", number)) for number in (2, 3)]
    await asyncio.sleep(0.01)
    doubling.may_go_on.set()

    answers = await asyncio.gather(first, *others)

    assert answers == [2, 4, 6]
    assert doubling.batches == [("a", [1]), ("a", [2, 3])]


async def test_keys_wait_for_each_other_no_more_than_they_share_a_batch() -> None:
    doubling = Doubling()
    gathering = Gathering(doubling.work)

    await asyncio.gather(gathering.add("a", 1), gathering.add("b", 2), gathering.add("a", 3))

    assert doubling.batches == [("a", [1, 3]), ("b", [2])]


async def test_one_that_spoils_a_batch_spoils_it_for_itself_alone() -> None:
    doubling = Doubling()
    gathering = Gathering(doubling.work)

    answers = await asyncio.gather(
        *(gathering.add("a", number) for number in (1, 13, 3)), return_exceptions=True
    )

    assert (answers[0], answers[2]) == (2, 6)
    assert isinstance(answers[1], LookupError)
    assert doubling.batches == [("a", [1, 13, 3]), ("a", [1]), ("a", [13]), ("a", [3])]


async def test_a_refusal_among_the_answers_is_raised_to_its_caller() -> None:
    doubling = Doubling()
    gathering = Gathering(doubling.work)

    answers = await asyncio.gather(
        gathering.add("a", 7), gathering.add("a", 8), return_exceptions=True
    )

    assert isinstance(answers[0], ValueError)
    assert answers[1] == 16
    assert doubling.batches == [("a", [7, 8])]


async def test_an_outage_is_told_to_all_and_not_tried_for_each() -> None:
    asked = 0

    async def work(_key: str, _items: Sequence[int]) -> list[int]:
        nonlocal asked
        asked += 1
        raise ConnectionRefusedError

    gathering = Gathering(work)

    answers = await asyncio.gather(
        *(gathering.add("a", number) for number in range(3)), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [ConnectionRefusedError] * 3
    assert asked == 1


async def test_whoever_gives_up_holds_up_nobody() -> None:
    doubling = Doubling()
    gathering = Gathering(doubling.work)
    doubling.may_go_on.clear()
    first, second, third = (asyncio.create_task(gathering.add("a", n)) for n in (1, 2, 3))
    await asyncio.sleep(0.01)
    fourth = asyncio.create_task(gathering.add("a", 4))
    await asyncio.sleep(0.01)
    second.cancel()
    fourth.cancel()
    doubling.may_go_on.set()

    assert [await first, await third] == [2, 6]
    with pytest.raises(asyncio.CancelledError):
        await second
    assert await gathering.add("a", 5) == 10
    assert doubling.batches == [("a", [1, 2, 3]), ("a", [5])]
