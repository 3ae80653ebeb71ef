"""Start a Python module whose clock can be stepped from outside.

    python -m tests.chaos.clock FILE MODULE ARGUMENTS...

While FILE holds a number, wall-clock time is so many seconds off; monotonic time is not, as with
a real step. A thread looks at FILE five times a second.
"""

import runpy
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

LOOK_SECONDS = 0.2


def follow(path: Path) -> None:
    """Keep the clock of this process as far off as the file says; never returns."""
    travel: time_machine.travel | None = None
    told = 0.0
    while True:
        wanted = read(path)
        if wanted != told:
            if travel is not None:
                travel.stop()
                travel = None
            if wanted:
                there = datetime.now(UTC) + timedelta(seconds=wanted)
                travel = time_machine.travel(there, tick=True)
                travel.start()
            told = wanted
        time.sleep(LOOK_SECONDS)


def read(path: Path) -> float:
    try:
        return float(path.read_text() or 0)
    except (FileNotFoundError, ValueError):
        return 0.0


def start_clock(path: Path) -> None:
    """From now on this process is on the clock of the file."""
    threading.Thread(target=follow, args=(path,), daemon=True, name="clock").start()


def main() -> None:
    path, module, *arguments = sys.argv[1:]
    start_clock(Path(path))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
