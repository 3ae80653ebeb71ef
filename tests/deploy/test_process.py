import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import process
from deploy.local.process import Child, ChildDied

FIND_AMONG = """
import sys
from deploy.local import process
port = int(sys.argv[1])
process.PORTS = range(port, port + 1)
process.find_free_port()
"""
STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.1; done"


def start(folder: Path, *command: str) -> Child:
    return process.start("child", list(command), log=folder / "log", run_dir=folder / "run")


def wait_for_output(child: Child) -> None:
    while not child.tail():
        child.check()


def test_a_child_that_ends_by_itself_says_how(tmp_path: Path) -> None:
    child = start(tmp_path, "/bin/sh", "-c", "echo one; echo two; exit 3")
    child.process.wait()

    with pytest.raises(ChildDied) as died:
        child.check()

    assert str(died.value) == "child ended with exit code 3"
    assert died.value.child.tail(1) == ["two"]


def test_a_child_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    child = start(tmp_path, "/bin/sh", "-c", STUBBORN)
    wait_for_output(child)

    child.stop(timeout_seconds=0.2)

    assert child.process.returncode == -signal.SIGKILL
    assert process.find_leftovers(tmp_path / "run") == []


def test_leftovers_are_found_and_stopped(tmp_path: Path) -> None:
    child = start(tmp_path, "/bin/sleep", "600")

    stopped = process.stop_leftovers(tmp_path / "run")

    assert stopped == ["child"]
    assert child.process.wait() == -signal.SIGTERM
    assert list((tmp_path / "run").iterdir()) == []


def test_a_pid_that_now_belongs_to_another_process_is_left_alone(tmp_path: Path) -> None:
    child = start(tmp_path, "/bin/sleep", "600")
    record = json.loads(child.record.read_text())
    child.record.write_text(json.dumps(record | {"started": record["started"] - 3600}))

    stopped = process.stop_leftovers(tmp_path / "run")

    assert stopped == []
    assert child.process.poll() is None
    child.stop()


def test_a_record_that_cannot_be_read_is_no_leftover(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"pid": 1')

    assert process.find_leftovers(tmp_path) == []


def test_a_port_that_was_found_is_kept_for_its_server() -> None:
    port = process.find_free_port()

    another = subprocess.run(
        [sys.executable, "-c", FIND_AMONG, str(port)], capture_output=True, text=True, check=False
    )
    for _ in ("first", "started again"):
        socket.create_server(("127.0.0.1", port)).close()

    assert f"there is no free port between {port} and" in another.stderr
