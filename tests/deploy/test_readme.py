"""Every command of the README runs as it stands there, on a stack that `make up` started."""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PORTS = {
    "GATEWAY": 8080,
    "ACCOUNT": 8081,
    "CONTENT": 8082,
    "LEAD": 8083,
    "SANDBOX": 8090,
    "ACCOUNT_WORKER": 8181,
    "CONTENT_WORKER": 8182,
    "LEAD_WORKER": 8183,
    "POSTGRES": 15432,
    "KAFKA": 19092,
    "KAFKA_CONTROLLER": 19093,
}
UP, TEST = "make up\n", "make test\n"
START_SECONDS = 420


@dataclass(frozen=True)
class Stack:
    env: dict[str, str]
    ports: dict[str, int]
    output: Path

    def run(self, block: str) -> str:
        """Run a block of the README; its output. Only the ports differ from the default ones."""
        for name, default in PORTS.items():
            block = block.replace(f"127.0.0.1:{default}", f"127.0.0.1:{self.ports[name]}")
        done = subprocess.run(
            ["sh", "-eu", "-c", block],
            cwd=REPOSITORY,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def stack(free_port: Callable[[], int]) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="kos-readme-", ignore_cleanup_errors=True) as folder:
        ports = {name: free_port() for name in PORTS}
        env = {
            **os.environ,
            **{f"KOS_PORT_{name}": str(port) for name, port in ports.items()},
            "KOS_HOME": f"{folder}/home",
        }
        output = Path(folder) / "output"
        with output.open("w") as out:
            process = subprocess.Popen(
                ["sh", "-c", f"exec {UP}"],
                cwd=REPOSITORY,
                env=env,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait_until_ready(process, output)
            yield Stack(env, ports, output)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def _wait_until_ready(process: subprocess.Popen[bytes], output: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while "ready; Ctrl-C stops everything" not in output.read_text():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < end, output.read_text()
        time.sleep(0.5)


def test_every_block_is_known() -> None:
    assert BLOCKS[:2] == [UP, TEST]
    assert len(BLOCKS) == 5


def test_make_test_runs_the_tests() -> None:
    planned = subprocess.run(
        ["make", "--dry-run", "test"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )

    assert "pytest" in planned.stdout


@pytest.mark.timeout(START_SECONDS + 60)
def test_make_up_plays_the_main_job_and_says_what_happened(stack: Stack) -> None:
    said = stack.output.read_text()

    for step in ("brand", "platforms", "rules", "campaign", "handoffs", "consumers", "sellers"):
        assert f"✓ {step}: " in said
    for result in ("Funnel of the campaign", "门店赛马", "went where it went", "a token"):
        assert result in said
    assert ", 0 bad signatures, 0 out of order" in said


def test_the_first_query_answers_the_funnel(stack: Stack) -> None:
    answer = stack.run(BLOCKS[2])

    assert '"errors"' not in answer
    assert '"captured"' in answer


def test_the_first_hook_is_taken_and_taken_once(stack: Stack) -> None:
    answer = stack.run(BLOCKS[3])

    assert answer.startswith("HTTP/1.1 20")


def test_the_other_commands_work(stack: Stack) -> None:
    answer = stack.run(BLOCKS[4])

    assert "gateway" in answer


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    missing = [link for link in links if "://" not in link and not (REPOSITORY / link).exists()]

    assert len(README.splitlines()) < 200
    assert missing == []
