"""A relay before a cluster that loses the broker which alone had the newest records.

SIGKILL loses nothing that one broker has written: its page cache lives on. What acks=1 promises
too early is lost when the leader goes for good before its followers have fetched. So: the follower
is frozen, the relay sends, the leader is killed with its data, the follower takes over.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import databases, kafka, postgres, process
from deploy.local.parts import Part
from deploy.local.process import Child, find_free_port
from deploy.local.settings import REPOSITORY
from tests.chaos.checker import Anomaly, Evidence, events
from tests.chaos.checker.collecting import database_url, read_topics
from tests.chaos.checker.typeid import typed
from tests.chaos.stack import Rewrite

TOPIC = "kos.lead"
LEADER, FOLLOWER = 2, 3
_PARTITIONS = 4
_SETTINGS = {"broker.session.timeout.ms": "6000", "broker.heartbeat.interval.ms": "500"}
_AGGREGATES = 20
_WAIT_SECONDS = 60


async def run(home: Path, rewrite: Rewrite) -> list[Anomaly]:
    """What the checker finds in the tables and the topic when all is over."""
    async with AsyncExitStack() as stack:
        admin_url, relay_url = await _database(home, stack)
        cluster = await _Cluster.start(home, stack)
        await cluster.create_topic()
        relay = Part(
            "relay",
            [sys.executable, "-m", "tests.shared.relay_process", relay_url, cluster.bootstrap],
            dict(os.environ),
            port=0,
        )
        child = process.start(
            relay.name,
            rewrite(relay).command,
            log=home / "relay.log",
            run_dir=home / "run",
            cwd=REPOSITORY,
        )
        stack.callback(child.stop)
        connection = await asyncpg.connect(database_url(admin_url, "lead"))
        stack.push_async_callback(connection.close)
        ledger = _Outbox(connection)
        await ledger.add_events()
        await ledger.wait_until_sent()
        cluster.freeze(FOLLOWER)
        # its fetch that was on the way may still be answered
        await asyncio.sleep(1)
        await ledger.add_events()
        await asyncio.sleep(1.5)
        cluster.lose(LEADER)
        cluster.thaw(FOLLOWER)
        await ledger.add_events()
        await ledger.wait_until_sent()
        evidence = Evidence(
            tables={
                "lead": {
                    "lead": [
                        {"id": lead_id, "version": version}
                        for lead_id, version in ledger.versions.items()
                    ]
                }
            },
            records=await read_topics(cluster.bootstrap),
        )
    return sorted({*events.committed_is_announced(evidence), *events.gapless(evidence)})


class _Outbox:
    """Commits events of some aggregates, one version after the other."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.versions = {uuid4(): 0 for _ in range(_AGGREGATES)}

    async def add_events(self) -> None:
        for lead_id in self.versions:
            self.versions[lead_id] += 1
            await self._add(lead_id, self.versions[lead_id])

    async def _add(self, lead_id: UUID, version: int) -> None:
        event_id, brand_id = uuid4(), uuid4()
        headers = (
            f'{{"ce_id": "{event_id}", "ce_type": "kos.lead.updated.v1", '
            f'"ce_brandid": "{typed("brand", brand_id)}", "ce_aggregateversion": "{version}"}}'
        )
        await self._connection.execute(
            "insert into outbox (event_id, brand_id, topic, key, version, payload, headers) "
            "values ($1, $2, $3, $4, $5, $6, $7)",
            event_id,
            brand_id,
            TOPIC,
            typed("lead", lead_id),
            version,
            b"{}",
            headers,
        )

    async def wait_until_sent(self) -> None:
        end = time.monotonic() + _WAIT_SECONDS
        while await self._connection.fetchval("select count(*) from outbox"):
            if time.monotonic() > end:
                raise AssertionError(f"the relay has not sent everything in {_WAIT_SECONDS} s")
            await asyncio.sleep(0.05)


class _Cluster:
    """Node 1 is the controller and the address; nodes 2 and 3 hold the topic."""

    def __init__(self, home: Path, bootstrap: str, nodes: dict[int, Child]) -> None:
        self._home = home
        self.bootstrap = bootstrap
        self._nodes = nodes

    @classmethod
    async def start(cls, home: Path, stack: AsyncExitStack) -> "_Cluster":
        controller_port = find_free_port()
        nodes: dict[int, Child] = {}
        bootstrap = ""
        cluster_id = ""
        for number in (1, LEADER, FOLLOWER):
            port, data = find_free_port(), home / f"kafka-{number}"
            settings = dict(_SETTINGS)
            if number == 1:
                bootstrap = f"127.0.0.1:{port}"
            else:
                settings |= {
                    "process.roles": "broker",
                    "node.id": str(number),
                    "listeners": f"PLAINTEXT://127.0.0.1:{port}",
                }
                await asyncio.to_thread(_join, data, cluster_id, settings, port, controller_port)
            broker = await kafka.start(
                data,
                port=port,
                controller_port=controller_port,
                run_dir=home / "run" / str(number),
                log=home / f"kafka-{number}.log",
                settings=settings,
            )
            nodes[number] = broker.child
            stack.callback(broker.stop)
            cluster_id = cluster_id or _cluster_id(data)
        return cls(home, bootstrap, nodes)

    async def create_topic(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            # every partition is led by the one broker and followed by the other
            places = {number: [LEADER, FOLLOWER] for number in range(_PARTITIONS)}
            await admin.create_topics([NewTopic(TOPIC, -1, -1, replica_assignments=places)])
        finally:
            await admin.close()

    def freeze(self, number: int) -> None:
        os.kill(self._nodes[number].process.pid, signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        os.kill(self._nodes[number].process.pid, signal.SIGCONT)

    def lose(self, number: int) -> None:
        """The machine is gone, and its disk with it."""
        self._nodes[number].process.kill()
        self._nodes[number].process.wait()
        shutil.rmtree(self._home / f"kafka-{number}")


def _cluster_id(data: Path) -> str:
    lines = (data / "log" / "meta.properties").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("cluster.id="))


def _join(
    data: Path, cluster_id: str, settings: dict[str, str], port: int, controller_port: int
) -> None:
    """Format the folder of a broker that joins a cluster which is there already."""
    properties = kafka._configure(
        data, port=port, controller_port=controller_port, settings=settings
    )
    class_path = ":".join(map(str, kafka.fetch_jars(kafka.default_store())))
    tool = ["kafka.tools.StorageTool", "format", "--cluster-id", cluster_id]
    subprocess.run(
        [kafka.find_java(), "-cp", class_path, *tool, "--config", properties],
        check=True,
        capture_output=True,
        timeout=60,
    )


async def _database(home: Path, stack: AsyncExitStack) -> tuple[str, str]:
    """A lead database: the superuser's URL and the relay's."""
    server = await postgres.start(
        home / "postgres",
        port=find_free_port(),
        password=uuid4().hex,
        run_dir=home / "run",
        log=home / "postgres.log",
        durable=False,
    )
    stack.callback(server.stop)
    urls = await databases.provision(server.admin_url, "lead", databases.make_passwords())
    done = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lead_svc",
        "migrate",
        env=os.environ | {"LEAD_MIGRATION_DATABASE_URL": urls.owner},
        cwd=REPOSITORY,
    )
    if await done.wait() != 0:
        raise AssertionError("the database could not be migrated")
    return server.admin_url, urls.relay
