"""Faults, and load where it takes a special one, that bring a kind of bug out for certain.

A window of a millisecond is not left to luck: a slow connection makes it seconds wide.
"""

import asyncio
import time
from dataclasses import replace

from deploy.local.process import find_free_port
from tests.chaos.actors.leads import send_lead
from tests.chaos.actors.selling import move_stage
from tests.chaos.faults import Fault
from tests.chaos.injection import Injector
from tests.chaos.planted import Trouble
from tests.chaos.run import Trouble as Make
from tests.chaos.workload import Workload

WORKERS = ("account_worker", "content_worker", "lead_worker")
APIS = ("account", "content", "lead")
SECOND = "lead_worker_1"
STAGES = ("ADVICE", "DEAL", "CARE", "REPURCHASE")
_READY_SECONDS = 90.0


async def slow_workers_killed(injector: Injector, _: list[Workload]) -> None:
    """Workers die between the steps of taking in an event, which take a second each."""
    await injector.run(
        [
            *(Fault(2, 5, "delay", f"{name}-postgres", (("by", 0.1),)) for name in WORKERS),
            *(Fault(4, 0, "kill", name) for name in WORKERS),
        ]
    )
    await injector.stack.wait_until_ready(_READY_SECONDS)
    # now between an effect and its offset, and between a send and the deletion of what was sent
    await injector.run(
        [
            *(Fault(1, 6, "delay", f"{name}-kafka", (("by", 0.5),)) for name in WORKERS),
            *(Fault(4, 0, "kill", name) for name in WORKERS),
        ]
    )
    await injector.stack.wait_until_ready(_READY_SECONDS)


async def connections_reset(injector: Injector, _: list[Workload]) -> None:
    """The database's connections break in the middle of events; no process dies."""
    await injector.run(
        [
            *(Fault(2, 7, "delay", f"{name}-postgres", (("by", 0.03),)) for name in WORKERS),
            *(Fault(at, 0, "reset", f"{name}-postgres") for at in (4, 6, 8) for name in WORKERS),
        ]
    )


async def slow_apis(injector: Injector, _: list[Workload]) -> None:
    """Requests keep their transactions open while those of the workers come and go."""
    await injector.run([Fault(2, 9, "delay", f"{name}-postgres", (("by", 0.1),)) for name in APIS])


async def second_worker(injector: Injector, workloads: list[Workload]) -> None:
    """Two workers of one service, of which one takes seconds to reach Kafka."""
    stack = injector.stack
    first = stack.parts["lead_worker"]
    port = find_free_port()
    direct = first.env | {
        "LEAD_WORKER_ORDINAL": "1",
        "LEAD_WORKER_PORT": str(port),
        "LEAD_KAFKA_BOOTSTRAP": stack.settings.bootstrap,
    }
    stack.parts[SECOND] = replace(first, name=SECOND, env=direct, port=port)
    await stack.start_second_worker("lead")
    await stack.wait_until_ready(_READY_SECONDS)
    # what the slow one has begun to send is overtaken by what follows it within two seconds
    slow = Fault(0, 16, "delay", "lead_worker-kafka", (("by", 1.0),))
    await asyncio.gather(
        injector.run([slow]),
        *(_send_waves(load) for load in workloads),
        *(_move_on_and_on(load, 14) for load in workloads),
    )
    await stack.stop_part(SECOND)


async def _send_waves(load: Workload) -> None:
    for _ in range(5):
        await asyncio.gather(*(send_lead(load) for _ in range(4)))
        await asyncio.sleep(2)


async def _move_on_and_on(load: Workload, seconds: float) -> None:
    """Contacts go from stage to stage, some at a time, each without a pause: whatever the slow
    one has begun to send, the next version of it comes at once."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ids = await _beginners(load)
        await asyncio.gather(*(_move_through(load, contact_id) for contact_id in ids[:3]))
        await asyncio.sleep(0.2)


async def _move_through(load: Workload, contact_id: str) -> None:
    for stage in STAGES:
        await move_stage(load, contact_id, stage)


async def two_changes_at_a_time(injector: Injector, workloads: list[Workload]) -> None:
    """Two requests move one contact to its next stage at the same moment."""
    await asyncio.sleep(5)
    await asyncio.gather(
        injector.run([Fault(0, 6, "delay", "lead-postgres", (("by", 0.05),))]),
        *(_move_together(workload) for workload in workloads),
    )


async def _move_together(workload: Workload) -> None:
    ids = await _beginners(workload)
    await asyncio.gather(
        *(move_stage(workload, contact_id, STAGES[0]) for contact_id in ids[:4] for _ in range(2))
    )


async def _beginners(load: Workload) -> list[str]:
    """Contacts in the first stage, by id."""
    data = await load.query("{ contacts(first: 50) { nodes { id stage } } }")
    nodes = data["contacts"]["nodes"] if data else []
    return [each["id"] for each in nodes if each["stage"] == "INTENT"]


async def apis_killed(injector: Injector, workloads: list[Workload]) -> None:
    """Each time just after hooks have been answered."""
    await asyncio.sleep(3)
    for _ in range(3):
        sending = [asyncio.create_task(send_lead(load)) for load in workloads for _ in range(5)]
        await asyncio.sleep(0.5)
        await injector.run([Fault(0, 0, "kill", "lead")])
        await asyncio.gather(*sending)


async def subscriber_fails(injector: Injector, _: list[Workload]) -> None:
    answers = (("answer", "server_error"), ("share", 0.5))
    await injector.run([Fault(2, 8, "sink", "sink", answers)])


async def nothing(_: Injector, __: list[Workload]) -> None:
    await asyncio.sleep(8)


async def all_of_them(injector: Injector, workloads: list[Workload]) -> None:
    """For the run without a bug: what brings the bugs out must not look like one."""
    for make in (
        slow_workers_killed,
        connections_reset,
        slow_apis,
        second_worker,
        two_changes_at_a_time,
        apis_killed,
        subscriber_fails,
    ):
        await make(injector, workloads)


TROUBLES: dict[Trouble, Make] = {
    "none": nothing,
    "slow workers killed": slow_workers_killed,
    "connections of workers reset": connections_reset,
    "slow apis": slow_apis,
    "a second worker": second_worker,
    "two changes at a time": two_changes_at_a_time,
    "apis killed": apis_killed,
    "subscriber fails": subscriber_fails,
}
