"""What runs and what it said: `kos status` and `kos logs`."""

import itertools
import time
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.local import process
from deploy.local.process import Leftover
from deploy.local.settings import HOST, StackSettings

FOLLOW_SECONDS = 0.3
COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "red")


def show_status(settings: StackSettings, console: Console) -> int:
    """Print the table; 0 when everything that runs is ready, 1 when not or when nothing runs."""
    running = process.find_leftovers(settings.run_dir)
    if not running:
        console.print("nothing is running; `kos up` starts the stack")
        return 1
    table = Table("process", "pid", "port", "up", "memory", "state")
    ports = settings.used_ports()
    states = []
    for each in running:
        port = ports.get(each.name)
        states.append(_state(each, port))
        table.add_row(each.name, str(each.process.pid), str(port or ""), *_size(each), states[-1])
    console.print(table)
    return 0 if all(state in ("ready", "running") for state in states) else 1


def _size(found: Leftover) -> tuple[str, str]:
    """Age and resident memory, its children's included."""
    age = timedelta(seconds=int(time.time() - found.process.create_time()))
    is_supervisor = found.name == process.SUPERVISOR
    family = [] if is_supervisor else found.process.children(recursive=True)
    used = sum(_memory(each) for each in (found.process, *family))
    return str(age), f"{used / 1024**2:.0f} MiB"


def _memory(found: psutil.Process) -> int:
    try:
        resident: int = found.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
    return resident


def _state(found: Leftover, port: int | None) -> str:
    """`ready`, why it is not, or `running` for what has no such answer."""
    if port is None or found.name in ("postgres", "kafka"):
        return "running"
    try:
        answer = httpx.get(f"http://{HOST}:{port}/readyz", timeout=3)
    except httpx.TransportError:
        return "does not answer"
    return "ready" if answer.is_success else answer.text.strip()


def show_logs(
    settings: StackSettings, console: Console, name: str | None, lines: int, *, follow: bool
) -> int:
    logs = {path.stem: path for path in sorted(settings.log_dir.glob("*.log"))}
    if name is not None and name not in logs:
        console.print(f"there is no log of {name}; there are: {', '.join(logs) or 'none'}")
        return 1
    chosen = {name: logs[name]} if name is not None else logs
    colours = dict(zip(chosen, itertools.cycle(COLOURS), strict=False))
    width = max(map(len, chosen), default=0)

    def show(owner: str, line: str) -> None:
        prefix = (f"{owner:<{width}} ", colours[owner]) if len(chosen) > 1 else ""
        console.print(Text.assemble(prefix, line), soft_wrap=True)

    ends = {owner: path.stat().st_size for owner, path in chosen.items()}
    for owner, path in chosen.items():
        for line in process.tail(path, lines):
            show(owner, line)
    while follow:
        time.sleep(FOLLOW_SECONDS)
        for owner, path in chosen.items():
            ends[owner], new = _read_new(path, ends[owner])
            for line in new:
                show(owner, line)
    return 0


def _read_new(path: Path, start: int) -> tuple[int, list[str]]:
    """Whole lines written since; from the beginning when the log was started anew."""
    with path.open("rb") as file:
        if path.stat().st_size < start:
            start = 0
        file.seek(start)
        whole, _, _ = file.read().rpartition(b"\n")
    if not whole:
        return start, []
    return start + len(whole) + 1, whole.decode(errors="replace").splitlines()
