"""A broker of a test's own, to be stopped or frozen, and what this process has open."""

import socket
from pathlib import Path

import psutil

from deploy.local import kafka


async def start_broker(folder: Path, ports: tuple[int, int]) -> kafka.KafkaBroker:
    """On these two ports, with the data that lies in the folder."""
    return await kafka.start(
        folder / "kafka",
        port=ports[0],
        controller_port=ports[1],
        run_dir=folder / "run",
        log=folder / "kafka.log",
    )


def count_sockets(port: int | None = None) -> int:
    """TCP sockets of this process; with `port` those that lead there."""
    return sum(
        connection.family in (socket.AF_INET, socket.AF_INET6)
        and (port is None or (bool(connection.raddr) and connection.raddr.port == port))
        for connection in psutil.Process().net_connections(kind="tcp")
    )
