"""The sandbox as the process that the stack starts and stops."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.sandbox.harness import get, listen, post, put


@contextmanager
def sandbox_process(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", httpx.Client]]:
    with listen() as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.sandbox"],
        env={**os.environ, "SANDBOX_STATE_DIR": str(folder), "SANDBOX_PORT": str(port)},
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_until_ready(client)
            yield process, client
    finally:
        process.kill()
        process.wait()


def wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.ConnectError:
            time.sleep(0.05)
    raise TimeoutError("the sandbox does not answer")


def test_killed_process_keeps_its_ledger(tmp_path: Path) -> None:
    note = {"platform": "channels", "account_handle": "lin", "title": "题", "text": "文"}
    with sandbox_process(tmp_path) as (process, client):
        published = post(client, "/sandbox/publish-handoff", note)
        process.send_signal(signal.SIGKILL)
        process.wait()

    with sandbox_process(tmp_path) as (_, client):
        listing = get(client, "/sandbox/posts")["posts"]

    assert [row["post_id"] for row in listing] == [published["post_id"]]


def test_killed_wave_is_interrupted_and_the_same_seed_completes_it(tmp_path: Path) -> None:
    wave = {"seed": 5, "consumers": 20, "lead_rate": 1, "duplicate_rate": 0, "concurrency": 1}
    with sandbox_process(tmp_path) as (process, client):
        connect_form(client)
        post(client, "/sandbox/faults", {"direction": "hooks", "kind": "delay"})
        client.post("/sandbox/population/run", json={**wave, "wait": False})
        process.send_signal(signal.SIGKILL)
        process.wait()

    with sandbox_process(tmp_path) as (_, client):
        [interrupted] = get(client, "/sandbox/population/ledger")["waves"]
        client.delete("/sandbox/faults")
        post(client, "/sandbox/faults", {"direction": "hooks", "kind": "lost"})
        again = post(client, "/sandbox/population/run", wave)
        leads = get(client, "/sandbox/population/ledger")["leads"]

    assert interrupted["status"] == "interrupted"
    assert again["status"] == "done"
    first, second = (
        [lead["message_id"] for lead in leads if lead["wave"] == number] for number in (1, 2)
    )
    assert first == second[: len(first)]


def connect_form(client: httpx.Client) -> None:
    put(
        client,
        "/sandbox/connections/form",
        {"platform": "generic", "settings": {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_it_even_while_a_call_is_held(tmp_path: Path, number: signal.Signals) -> None:
    with sandbox_process(tmp_path) as (process, client):
        post(client, "/sandbox/faults", {"kind": "delay", "delay_seconds": 600})
        held = threading.Thread(target=call_until_closed, args=(client,))
        held.start()
        wait_until_seen(client)

        process.send_signal(number)
        process.wait(timeout=10)
        held.join()

    assert process.returncode in (0, -number)


def call_until_closed(client: httpx.Client) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(client.base_url.join("/xhs/explore/none"), timeout=30)


def wait_until_seen(client: httpx.Client) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if get(client, "/sandbox/faults")["faults"][0]["seen"]:
            return
        time.sleep(0.02)
    raise TimeoutError("the call did not arrive")
