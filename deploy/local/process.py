"""Child processes that never outlive their parent: start, watch, stop, find leftovers."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

SUPERVISOR = "supervisor"
STOP_SECONDS = 15
# it gives its children, in two groups, as long each
SUPERVISOR_STOP_SECONDS = 40
LAUNCHER = Path(__file__).with_name("launch.py")

PORTS = range(20_000, 32_000)


class ChildDied(Exception):
    """A child ended although nobody asked it to; the message is one sentence."""

    def __init__(self, child: "Child") -> None:
        self.child = child
        super().__init__(f"{child.name} ended with {describe_exit(child.process.returncode)}")


class ServerFailed(Exception):
    """A server could not be prepared or did not become ready; the message is one sentence."""


@dataclass(frozen=True)
class Child:
    """A running command in its own session, so that a Ctrl-C in the terminal is ours alone."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals
    record: Path

    def check(self) -> None:
        if self.process.poll() is not None:
            raise ChildDied(self)

    def tail(self, lines: int = 20) -> list[str]:
        return tail(self.log, lines)

    def ask_to_stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """Ask, wait, then kill the whole process group."""
        self.ask_to_stop()
        try:
            self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            kill_group(self.process.pid)
            self.process.wait()
        self.record.unlink(missing_ok=True)


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    run_dir: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: str | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    death_signal: signal.Signals = signal.SIGKILL,
) -> Child:
    """Start a child and record it under `run_dir`.

    Call it from the main thread: the kernel takes the end of the starting thread for the end of
    the parent. `stop_signal` asks for a clean end, `death_signal` is what the child gets when we
    are gone; `user` is the system user to become (only root may).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    run_dir.mkdir(parents=True, exist_ok=True)
    launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid())]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*launch, str(int(death_signal)), user or "-", *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
    record = _record(run_dir, name, process.pid, stop_signal)
    return Child(name, process, log, stop_signal, record)


def record_self(run_dir: Path) -> Path:
    """Record this process as the supervisor of the folder; returns the record."""
    return _record(run_dir, SUPERVISOR, os.getpid(), signal.SIGTERM)


def _record(run_dir: Path, name: str, pid: int, stop_signal: signal.Signals) -> Path:
    record = run_dir / f"{name}.json"
    started = psutil.Process(pid).create_time()
    record.write_text(json.dumps({"pid": pid, "started": started, "stop_signal": int(stop_signal)}))
    return record


@dataclass(frozen=True)
class Leftover:
    """A process of an earlier run that is still alive."""

    name: str
    process: psutil.Process
    stop_signal: signal.Signals
    record: Path


def find_leftovers(run_dir: Path) -> list[Leftover]:
    """What is recorded under `run_dir` and alive: same pid and same start time."""
    found = []
    for record in sorted(run_dir.glob("*.json")):
        try:
            data = json.loads(record.read_text())
            process = psutil.Process(data["pid"])
            is_same = abs(process.create_time() - data["started"]) < 1
        except (psutil.NoSuchProcess, ValueError, KeyError):
            continue
        if is_same and is_alive(process):
            stop_signal = signal.Signals(data["stop_signal"])
            found.append(Leftover(record.stem, process, stop_signal, record))
    return found


def stop_leftovers(run_dir: Path) -> list[str]:
    """Stop what is recorded and alive; returns the names.

    A supervisor goes first and alone: it stops its own children in order.
    """
    found = find_leftovers(run_dir)
    supervisors = [each for each in found if each.name == SUPERVISOR]
    _stop_all(supervisors, SUPERVISOR_STOP_SECONDS)
    left = find_leftovers(run_dir)
    _stop_all(left, STOP_SECONDS)
    for record in run_dir.glob("*.json"):
        record.unlink(missing_ok=True)
    return [each.name for each in (*supervisors, *left)]


def _stop_all(leftovers: list[Leftover], timeout_seconds: float) -> None:
    """Ask, wait, kill. They are not our children: another process may be slow to reap them."""
    for each in leftovers:
        with suppress(psutil.NoSuchProcess):
            each.process.send_signal(each.stop_signal)
    deadline = time.monotonic() + timeout_seconds
    while any(is_alive(each.process) for each in leftovers) and time.monotonic() < deadline:
        time.sleep(0.05)
    for each in leftovers:
        if is_alive(each.process):
            kill_group(each.process.pid)
            with suppress(psutil.NoSuchProcess):
                each.process.kill()


def is_alive(found: psutil.Process) -> bool:
    """False also for a zombie, which has ended and only waits to be reaped."""
    try:
        return found.is_running() and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def tail(log: Path, lines: int = 20) -> list[str]:
    """The last lines of a log; reads at most its last 64 KiB."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 65_536))
        return file.read().decode(errors="replace").splitlines()[-lines:]


def find_free_port() -> int:
    """A loopback port that is nobody else's until this process ends: not even of who looks for
    one before a server listens here, or after.

    Below the range that systems take for outgoing connections: one of those could otherwise sit
    on the port before its server starts.
    """
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        keeper = socket.socket()
        try:
            keeper.bind(("127.0.0.1", port))
        except OSError:
            keeper.close()
            continue
        # from now on a server that says so as well, as servers do, may bind beside the keeper
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.detach()
        return port
    raise ServerFailed(f"there is no free port between {PORTS.start} and {PORTS.stop}")


async def wait_for_port(child: Child, port: int, timeout_seconds: float = 60) -> None:
    """Wait until the child accepts connections on a loopback port.

    Raises ChildDied when it ends first and ServerFailed when it takes too long.
    """
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        child.check()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            await asyncio.sleep(0.02)
    raise ServerFailed(f"{child.name} did not listen on port {port} in {timeout_seconds:.0f} s")
