"""A gateway process under hostile documents: each is refused or answered in time, its memory does
not grow, and a polite caller is served all the while.

Every document comes from a caller of its own, so that no budget of a minute ends the attack.
"""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from gateway.settings import Settings
from shared.ids import typed, uuid7
from tests.gateway.conftest import MakeToken
from tests.gateway.services import Services
from tests.gateway.test_process import gateway
from tests.hostile.documents import MAKERS, generate
from tests.isolation import report

SEED = 20_261_128
DOCUMENTS = 2000 if report.IS_LONG else 8 * len(MAKERS)
AT_ONCE = 4
POLITE = {"query": "{ leads(first: 5) { nodes { id status } } }"}
MOST_GROWTH = 96 * 1024 * 1024
"""What the memory of the process may grow by over the last three quarters of the run."""
REFUSALS = {400, 405, 406, 413, 415}


@dataclass
class Outcome:
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    memory: list[int] = field(default_factory=list)
    """Of the process, at every quarter of the run."""


async def test_hostile_documents_are_refused_in_time_and_nobody_else_waits(
    services: Services, key_files: Path, make_token: MakeToken, free_port: Callable[[], int]
) -> None:
    brand = typed("brand", uuid7())
    async with gateway(services, key_files, free_port()) as (process, http):
        polite = {"authorization": f"Bearer {make_token(brand=brand)}"}
        quiet = [await ask_politely(http, polite) for _ in range(30)]
        outcome = Outcome()
        done = asyncio.Event()
        waiting = asyncio.create_task(keep_asking(http, polite, done))
        await attack(http, brand, make_token, psutil.Process(process.pid), outcome)
        done.set()
        busy = await waiting

    answered = sum(is_answered for _, is_answered in busy)
    ratio = statistics.median(took for took, _ in busy) / statistics.median(
        took for took, _ in quiet
    )
    report.note(f"{DOCUMENTS} documents from seed {SEED}: {dict(outcome.answers.most_common())}")
    report.note(f"slowest answer {outcome.slowest:.2f} s")
    report.note(
        f"a polite caller's median among them is {ratio:.1f} of its quiet one; "
        f"{answered} of {len(busy)} answered; the slowest {max(busy)[0]:.2f} s"
    )
    report.note(f"memory by quarters, MiB: {[size // 2**20 for size in outcome.memory]}")
    assert outcome.wrong == []
    assert sum(outcome.answers.values()) == DOCUMENTS
    assert outcome.memory[-1] - outcome.memory[0] < MOST_GROWTH
    # the limit of an operation, and what waits before it may start
    assert outcome.slowest < 4 * Settings.model_fields["query_seconds"].default
    assert answered >= 0.9 * len(busy) > 0


async def attack(
    http: httpx.AsyncClient,
    brand: str,
    make_token: MakeToken,
    process: psutil.Process,
    outcome: Outcome,
) -> None:
    documents = enumerate(generate(SEED, DOCUMENTS))

    async def work() -> None:
        for number, hostile in documents:
            headers = {**hostile.headers, "authorization": f"Bearer {make_token(brand=brand)}"}
            started = time.perf_counter()
            answer = await http.request(
                hostile.method, "/graphql", content=hostile.body, headers=headers
            )
            outcome.slowest = max(outcome.slowest, time.perf_counter() - started)
            outcome.answers[outcome_of(answer)] += 1
            if answer.status_code != 200 and answer.status_code not in REFUSALS:
                outcome.wrong.append(f"{number} {hostile.kind}: {answer.text[:200]}")
            if "internal" in outcome_of(answer):
                outcome.wrong.append(f"{number} {hostile.kind}: {answer.text[:200]}")
            if (number + 1) % (DOCUMENTS // 4) == 0:
                outcome.memory.append(process.memory_info().rss)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def outcome_of(answer: httpx.Response) -> str:
    """The status, with the code of the refusal."""
    if not answer.content:
        return str(answer.status_code)
    told = answer.json()
    codes = {
        error.get("extensions", {}).get("code", "variables") for error in told.get("errors", ())
    }
    return " ".join([str(answer.status_code), *sorted(codes)])


async def ask_politely(http: httpx.AsyncClient, headers: dict[str, str]) -> tuple[float, bool]:
    """How long it took, and whether it was answered."""
    started = time.perf_counter()
    answer = await http.post("/graphql", json=POLITE, headers=headers)
    return time.perf_counter() - started, answer.json() == {"data": {"leads": {"nodes": []}}}


async def keep_asking(
    http: httpx.AsyncClient, headers: dict[str, str], done: asyncio.Event
) -> list[tuple[float, bool]]:
    found: list[tuple[float, bool]] = []
    while not done.is_set():
        found.append(await ask_politely(http, headers))
        await asyncio.sleep(0.02)
    return found
