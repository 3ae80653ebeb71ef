"""Row of the start: `make up` on an empty folder, and the second start on its data.

The first start initialises PostgreSQL and Kafka, migrates, loads the demo brand and plays the main
job; the second finds it all. Both end when everything is ready and told. The packages are there.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path

from deploy.local.process import find_free_port
from deploy.local.settings import REPOSITORY, Ports
from tests.bench.rounds import ALL_CORES, pin
from tests.bench.row import Options, Result, Row
from tests.conftest import reachable_folder

START = Row("start", "kos up from an empty folder with the main job / on its data, seconds")
ROWS = (START,)

_SECONDS = 600
"""A start that takes longer has failed."""
_STOP_SECONDS = 60


async def measure(_options: Options, _wanted: Collection[str]) -> list[Result]:
    pin(0, ALL_CORES)
    with reachable_folder() as home:
        ports = {f"KOS_PORT_{name.upper()}": str(find_free_port()) for name in Ports.model_fields}
        environment = {**os.environ, **ports, "KOS_HOME": str(home), "COLUMNS": "200"}
        first = await _start(home, environment)
        second = await _start(home, environment)
    return [Result(START, note=f"first {first:.1f} s, second {second:.1f} s")]


async def _start(home: Path, environment: dict[str, str]) -> float:
    """Seconds from the command to a stack that is ready, the demo played; it is stopped again."""
    started = time.perf_counter()
    output = home / "up.txt"
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "kos",
            "up",
            env=environment,
            cwd=REPOSITORY,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(_SECONDS):
            while _READY not in output.read_text():
                if process.returncode is not None:
                    raise RuntimeError(f"kos up ended: {output.read_text()[-2000:]}")
                await asyncio.sleep(0.05)
        return time.perf_counter() - started
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)


_READY = "ready; Ctrl-C"
