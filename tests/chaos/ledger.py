"""What the clients did and what they were told: the ledger that the checker judges by."""

import asyncio
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx

Outcome = Literal["ok", "failed", "unknown"]
"""`failed` is a refusal: an answer that says no. `unknown` got no answer that says which."""

ATTEMPT_SECONDS = 10.0
_PAUSE_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.5)


@dataclass(frozen=True)
class Reading:
    """What an answer says: its outcome (None: none yet, repeat), and what the client learnt."""

    outcome: Outcome | None
    result: Any = None


Send = Callable[[], Awaitable[httpx.Response]]
Read = Callable[[httpx.Response], Reading]


@dataclass
class Ledger:
    """Writes one line per operation to a JSONL file, at its end, in the order of the ends."""

    path: Path
    rng: random.Random
    until: float = 0.0
    """Operations are repeated no longer than until then (monotonic)."""
    outcomes: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    number: int = 0
    repeat_rate: float = 0.2
    """Share of answered operations that are sent once more under their key."""

    def __post_init__(self) -> None:
        self._file = self.path.open("a")

    def close(self) -> None:
        self._file.close()

    def note(self, kind: str, brand: str, **facts: Any) -> None:
        """A line that is no operation: what the checker has to know of the brand."""
        self._write({"kind": kind, "brand": brand, **facts})

    async def run(
        self,
        kind: str,
        brand: str,
        key: str | None,
        sent: bytes,
        send: Send,
        read: Read,
        *,
        once: bool = False,
        **facts: Any,
    ) -> Reading:
        """Send until it is answered, under the same key; write down all of it.

        `facts` are what the operation is meant to bring about. Without a key it is sent again
        all the same: then the product promises to know the repeat by the content. `once` is for
        reads, which are asked anew some other time.
        """
        self.number += 1
        operation = f"op-{self.number}"
        began = time.time()
        attempts: list[dict[str, Any]] = []
        answers: list[str] = []
        reading = Reading(None)
        while True:
            reading, answer = await self._attempt(send, read, attempts)
            if answer is not None and reading.outcome is not None:
                answers.append(answer)
            if once or reading.outcome is not None or time.monotonic() > self.until:
                break
            await asyncio.sleep(_PAUSE_SECONDS[min(len(attempts), 5) - 1])
        if reading.outcome == "ok" and key is not None and self.rng.random() < self.repeat_rate:
            again, answer = await self._attempt(send, read, attempts)
            if answer is not None and again.outcome is not None:
                answers.append(answer)
        outcome: Outcome = reading.outcome or "unknown"
        self.outcomes[kind, outcome] += 1
        self._write(
            {
                "id": operation,
                "kind": kind,
                "brand": brand,
                "key": key,
                "sent": sent.decode(),
                "fingerprint": hashlib.sha256(sent).hexdigest(),
                "outcome": outcome,
                "result": reading.result,
                "answers": answers,
                "answer_hashes": [hashlib.sha256(each.encode()).hexdigest() for each in answers],
                "attempts": attempts,
                "began": began,
                "ended": time.time(),
                "facts": facts,
            }
        )
        return Reading(outcome, reading.result)

    async def _attempt(
        self, send: Send, read: Read, attempts: list[dict[str, Any]]
    ) -> tuple[Reading, str | None]:
        began = time.time()
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                response = await send()
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            attempts.append({"at": began, "error": type(error).__name__})
            return Reading(None), None
        reading = read(response)
        attempt: dict[str, Any] = {"at": began, "status": response.status_code}
        if reading.outcome != "ok":
            # what says no, or nothing, may quote what it must not
            attempt["body"] = response.text
        attempts.append(attempt)
        return reading, response.text

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()
