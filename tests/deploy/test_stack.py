"""The supervisor as a user meets it: a real `kos` process with its servers, on free ports."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from deploy.local.settings import Ports
from tests.conftest import reachable_folder

KOS = Path(sys.executable).with_name("kos")
DEADLINE_SECONDS = 60


@dataclass(frozen=True)
class Machine:
    """A folder and ports of its own, and every process that was ever started from it."""

    home: Path
    env: dict[str, str]
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [KOS, *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_SECONDS,
        )

    def start(self) -> subprocess.Popen[bytes]:
        """`kos up --infrastructure` in the background, once it says that it is ready."""
        output = self.home.parent / "output"
        with output.open("wb") as file:
            running = subprocess.Popen(
                [KOS, "up", "--infrastructure"], env=self.env, stdout=file, stderr=file
            )
        self.started.append(running)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while "ready" not in output.read_text():
            assert running.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.05)
        return running

    def pid(self, name: str) -> int:
        for line in self.run("status").stdout.splitlines():
            cells = [cell.strip() for cell in line.split("│")]
            if name in cells:
                return int(cells[2])
        raise AssertionError(f"{name} is not in the status table")

    def living(self) -> list[str]:
        """Command lines of all processes that work in the folder."""
        return [
            " ".join(found.info["cmdline"])
            for found in psutil.process_iter(["cmdline", "status"])
            if any(str(self.home) in word for word in found.info["cmdline"] or [])
            and found.info["status"] != psutil.STATUS_ZOMBIE
        ]

    def wait_until_empty(self) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while living := self.living():
            assert time.monotonic() < deadline, living
            time.sleep(0.05)


@contextmanager
def make_machine(free_port: Callable[[], int]) -> Iterator[Machine]:
    with reachable_folder() as folder:
        ports = {f"KOS_PORT_{name.upper()}": str(free_port()) for name in Ports.model_fields}
        yield Machine(folder / "home", {**os.environ, **ports, "KOS_HOME": str(folder / "home")})


@pytest.fixture(scope="module")
def used(free_port: Callable[[], int]) -> Iterator[Machine]:
    with make_machine(free_port) as made:
        yield made


@pytest.fixture
def machine(used: Machine) -> Iterator[Machine]:
    """Stopped, with the data of the tests before: a first start is made once."""
    try:
        yield used
    finally:
        used.run("down")
        for running in used.started:
            running.wait(DEADLINE_SECONDS)


@pytest.fixture
def new_machine(free_port: Callable[[], int]) -> Iterator[Machine]:
    """Nothing was ever started here."""
    with make_machine(free_port) as made:
        yield made


def test_a_stopped_stack_starts_again_on_its_data_and_leaves_no_process(machine: Machine) -> None:
    first = machine.start()
    key = (machine.home / "keys" / "issuer.json").read_text()
    assert len(machine.living()) == 2
    first.send_signal(signal.SIGINT)
    assert first.wait(DEADLINE_SECONDS) == 0
    assert machine.living() == []

    second = machine.start()

    assert (machine.home / "keys" / "issuer.json").read_text() == key
    second.send_signal(signal.SIGTERM)
    assert second.wait(DEADLINE_SECONDS) == 0
    assert machine.living() == []


def test_a_killed_supervisor_leaves_no_process(machine: Machine) -> None:
    running = machine.start()

    running.kill()
    running.wait()

    machine.wait_until_empty()


def test_a_dead_child_ends_the_stack_with_one_sentence(machine: Machine) -> None:
    running = machine.start()

    os.kill(machine.pid("kafka"), signal.SIGKILL)

    assert running.wait(DEADLINE_SECONDS) == 1
    output = (machine.home.parent / "output").read_text()
    assert "✗ kafka ended with signal SIGKILL." in output.splitlines()
    assert machine.living() == []
    doctor = machine.run("doctor")
    assert doctor.returncode == 1
    assert "✗ last run: kafka ended with signal SIGKILL." in doctor.stdout


def test_a_second_supervisor_is_refused_and_down_stops_the_first(machine: Machine) -> None:
    first = machine.start()

    second = machine.run("up", "--infrastructure")

    assert second.returncode == 1
    assert "is already running; `kos down` stops it" in second.stdout
    assert len(machine.living()) == 2
    down = machine.run("down")
    assert (down.returncode, down.stdout) == (0, "stopped: supervisor\n")
    assert first.wait(DEADLINE_SECONDS) == 0
    assert machine.living() == []


def test_a_taken_port_is_named_with_its_owner(
    machine: Machine, free_port: Callable[[], int]
) -> None:
    port = machine.env["KOS_PORT_GATEWAY"]
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_listening(server, int(port))

        name = psutil.Process(server.pid).name()

        doctor, up = machine.run("doctor"), machine.run("up")
    finally:
        server.terminate()
        server.wait()

    owner = f"Port {port} (gateway) is taken by {name} (pid {server.pid})."
    cure = "End that process or set KOS_PORT_GATEWAY to a free port."
    assert f"✗ ports: {owner} {cure}" in doctor.stdout.splitlines()
    assert doctor.returncode == 1
    assert up.stdout == f"✗ {owner} {cure}\n"
    assert up.returncode == 1
    assert machine.living() == []


def wait_until_listening(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not any(each.laddr[1] == port for each in psutil.Process(server.pid).net_connections()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_broker_that_cannot_be_fetched_ends_with_one_sentence(new_machine: Machine) -> None:
    new_machine.env.update(
        KOS_CACHE=str(new_machine.home / "cache"), KOS_MAVEN_URL="http://127.0.0.1:9"
    )

    up = new_machine.run("up", "--infrastructure")

    assert up.returncode == 1
    assert "could not be fetched" in up.stdout
    assert "Traceback" not in up.stdout + up.stderr
    assert new_machine.living() == []


def test_a_token_needs_a_first_start(new_machine: Machine) -> None:
    refused = new_machine.run("token")

    assert refused.returncode == 1
    assert refused.stderr == "There is no issuer yet: `kos up` makes its key at the first start.\n"
    assert refused.stdout == ""
