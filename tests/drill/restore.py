"""The restore drill, `make drill`: the whole stack loses its disk and comes back from a backup.

By the command line, as an operator does it. The demo's main job has been played: a campaign, leads,
offers, deals, a void, the ledger. Afterwards all that can be asked is as it was, and goes on.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from deploy.local.demo.catching_up import wait_until_caught_up
from deploy.local.demo.client import Client, until
from deploy.local.process import find_free_port
from deploy.local.settings import Ports, StackSettings, urls_of
from shared.events import TOPICS
from tests.conftest import reachable_folder
from tests.e2e.small_brand import list_all
from tests.e2e.topics import assert_gapless, read_topics

pytestmark = pytest.mark.timeout(2400)

KOS = Path(sys.executable).with_name("kos")
READY_SECONDS = 1200
FIGURES = """query($period: String!) {
  funnel { content { posts } leads { captured qualified offered accepted declined expired pooled
    voided deals amountMinor } }
  race(period: $period, first: 20) { rank points acceptedLeads deals store { id } }
}"""


@dataclass
class Machine:
    settings: StackSettings
    env: dict[str, str]
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.settings.home

    def kos(self, *arguments: str) -> str:
        done = subprocess.run(
            [KOS, *arguments], env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self, *arguments: str) -> None:
        output = self.home.parent / f"output-{len(self.running)}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [KOS, "up", *arguments], env=self.env, stdout=file, stderr=file
            )
        self.running.append(process)
        deadline = time.monotonic() + READY_SECONDS
        while "ready;" not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.2)

    def lose_the_disk(self) -> None:
        """The supervisor is killed, its children with it; all but the keys is gone."""
        self.running[-1].send_signal(signal.SIGKILL)
        self.running[-1].wait()
        self.kos("down")
        for path in self.home.iterdir():
            if path != self.settings.key_dir:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def machine() -> Iterator[Machine]:
    with reachable_folder() as folder:
        ports = {name: find_free_port() for name in Ports.model_fields}
        settings = StackSettings(home=folder / "home", ports=Ports.model_validate(ports))
        env = {f"KOS_PORT_{name.upper()}": str(port) for name, port in ports.items()}
        made = Machine(settings, {**os.environ, **env, "KOS_HOME": str(settings.home)})
        try:
            yield made
        finally:
            made.kos("down")
            for process in made.running:
                process.wait(60)


async def test_a_lost_disk_comes_back_with_every_figure_and_goes_on(machine: Machine) -> None:
    machine.up()
    async with Client(urls_of(machine.settings)) as client:
        await until("every offer is answered", partial(_all_answered, client), seconds=240)
        await wait_until_caught_up(client.urls.kafka_bootstrap)
        folder = machine.home.parent / "backup"
        before, told = await figures(client), await facts(client)
        said = machine.kos("backup", str(folder))
        assert "The keys are not in it" in said
        print(said)  # how long commands waited
    assert before["funnel"]["leads"]["deals"] > 0
    assert before["race"]

    machine.lose_the_disk()
    assert [path.name for path in machine.home.iterdir()] == ["keys"]
    machine.kos("restore", str(folder))
    machine.up()

    async with Client(urls_of(machine.settings)) as client:
        await wait_until_caught_up(client.urls.kafka_bootstrap)
        assert await figures(client) == before
        after = await facts(client)
        assert {key: kind for key, kind in after.items() if key in told} == told
        # time goes on: posts are measured, campaigns end. The sandbox, unlike a platform, has
        # forgotten the tokens that it gave: authorisations end when they are renewed, and what
        # that does to the accounts' health is told. Nothing else may have happened
        added = Counter(kind for key, kind in after.items() if key not in told)
        assert set(added) <= {
            "kos.post.measured.v1",
            "kos.campaign.completed.v1",
            "kos.authorization.ended.v1",
            "kos.account.health_changed.v1",
        }
        for service in ("account", "content", "lead"):
            assert f"{service}_svc has no parked events" in machine.kos("replay", "list", service)
        made = await client.mutate(
            "addPersona", "Persona", "id name", {"kind": "TOPIC_EXPERT", "name": "恢复之后"}
        )
        assert made["name"] == "恢复之后"


async def figures(client: Client) -> dict[str, Any]:
    period = datetime.now(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m")
    return await client.query(FIGURES, {"period": period})


async def _all_answered(client: Client) -> bool:
    """Open offers would run out while the stack is away, as they should."""
    return not await list_all(client, "offers", "id", arguments=", status: OPEN")


async def facts(client: Client) -> dict[str, str]:
    """Every event by its id, and its kind; repeats of the log count once, gaps not at all."""
    records: list[Any] = await read_topics(client.urls.kafka_bootstrap, TOPICS)
    assert_gapless(records)
    return {str(each.event_id): each.type for each in records}
