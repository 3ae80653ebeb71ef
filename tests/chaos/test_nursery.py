"""A forked process: killed it is there again at once; each life follows the clock of the file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.settings import REPOSITORY

TICKER = """
import os, time
if __name__ == "__main__":
    while True:
        print(os.getpid(), time.time(), flush=True)
        time.sleep(0.05)
"""
STEP_SECONDS = 3600.0


@contextmanager
def ticking(folder: Path) -> Iterator[subprocess.Popen[str]]:
    (folder / "ticker.py").write_text(TICKER)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.inject", f"forked={folder / 'clock'}", "ticker"],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=10)


def read_tick(process: subprocess.Popen[str]) -> tuple[int, float]:
    """Which life it was, and how far its clock is off."""
    assert process.stdout is not None
    life, at = process.stdout.readline().split()
    return int(life), float(at) - time.time()


def read_until_off(process: subprocess.Popen[str], seconds: float) -> int:
    """The life that is so far off."""
    while True:
        life, off = read_tick(process)
        if abs(off - seconds) < 60:
            return life


def test_every_life_follows_the_clock_and_the_next_one_begins_by_itself(tmp_path: Path) -> None:
    with ticking(tmp_path) as process:
        first = read_until_off(process, 0)
        (tmp_path / "clock").write_text(str(STEP_SECONDS))
        assert read_until_off(process, STEP_SECONDS) == first

        os.kill(first, signal.SIGKILL)
        lives = {read_tick(process)[0] for _ in range(20)} - {first}
        (second,) = lives
        assert read_until_off(process, STEP_SECONDS) == second

        (tmp_path / "clock").write_text("0")
        assert read_until_off(process, 0) == second
        assert first != process.pid != second
