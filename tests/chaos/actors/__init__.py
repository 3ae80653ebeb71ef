"""Who does what in the workload: one coroutine function per kind of actor, repeated at its pace."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.chaos.actors.estate import hand_over
from tests.chaos.actors.leading import lead_on, look_at_accounts
from tests.chaos.actors.leads import bring_consumers, read_leads, send_lead
from tests.chaos.actors.matrix import add_persona, change_people, train
from tests.chaos.actors.publishing import launch_campaign
from tests.chaos.actors.selling import answer_offers, close_deals, void_something
from tests.chaos.workload import Workload

Act = Callable[[Workload], Awaitable[None]]

PACES: dict[Act, float] = {
    answer_offers: 0.5,
    close_deals: 0.5,
    void_something: 3.0,
    add_persona: 1.0,
    change_people: 2.0,
    lead_on: 0.5,
    look_at_accounts: 3.0,
    train: 3.0,
    hand_over: 4.0,
    read_leads: 1.5,
}
"""Seconds from one act to the next, on average. A rate below 1 slows all of them down."""

CAMPAIGN_PACES: dict[Act, float] = {launch_campaign: 15.0, bring_consumers: 7.0}
_MOST_AT_ONCE = 16


async def run(load: Workload) -> None:
    """Act until the workload is `stopping`; each actor finishes what it is doing."""
    paces = {**PACES, **(CAMPAIGN_PACES if load.campaigns else {})}
    async with asyncio.TaskGroup() as group:
        group.create_task(_repeat(load, send_lead, 1 / load.rate))
        for act, pause in paces.items():
            group.create_task(_repeat(load, act, pause / min(1.0, load.rate)))


async def _repeat(load: Workload, act: Act, pause: float) -> None:
    running: set[asyncio.Task[None]] = set()
    while not load.stopping.is_set():
        # not awaited: an actor whose call hangs does not stop the others of its kind
        if len(running) < _MOST_AT_ONCE:
            task = asyncio.create_task(_once(load, act))
            running.add(task)
            task.add_done_callback(running.discard)
        try:
            async with asyncio.timeout(pause * load.rng.uniform(0.5, 1.5)):
                await load.stopping.wait()
        except TimeoutError:
            pass
    if running:
        await asyncio.gather(*running)


async def _once(load: Workload, act: Act) -> None:
    await act(load)
