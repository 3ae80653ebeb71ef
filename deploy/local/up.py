"""`kos up`: the whole life of the stack in the foreground, from the checks to the clean stop."""

import asyncio
import logging
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from deploy.local import doctor, identity, kafka
from deploy.local.doctor import Trouble
from deploy.local.feed import show_events
from deploy.local.process import ChildDied, ServerFailed
from deploy.local.report import Report
from deploy.local.settings import DEMO_BRAND, StackSettings, urls_of
from deploy.local.stack import AlreadyRunning, NotReady, Stack, own

LOG_BYTES_KEPT = 20_000_000
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class NotPlayed(Exception):
    """The demo did not reach its end; the message is one sentence."""


# what goes wrong without a bug of ours: the message is one sentence, no traceback is needed
FAILURES = (
    ServerFailed,
    NotReady,
    NotPlayed,
    kafka.JarMissing,
    kafka.JarRefused,
    kafka.JavaMissing,
    asyncpg.PostgresError,
    KafkaError,
    OSError,
)


def up(
    settings: StackSettings, console: Console, *, infrastructure_only: bool, plays_demo: bool
) -> int:
    """Run until a signal asks to stop (exit code 0) or something fails (1)."""
    settings.home.mkdir(parents=True, exist_ok=True)
    try:
        with own(settings):
            troubles = list(_before_start(settings, infrastructure_only))
            for trouble in troubles:
                _print_failure(console, str(trouble))
            if troubles:
                return 1
            _cut_logs(settings.log_dir)
            _log_to(settings.log_dir / "supervisor.log")
            return asyncio.run(_run(settings, console, infrastructure_only, plays_demo))
    except AlreadyRunning as error:
        _print_failure(console, str(error))
        return 1


def _before_start(settings: StackSettings, infrastructure_only: bool) -> Iterator[Trouble]:
    for check in (doctor.check_python, doctor.check_disk, doctor.check_external_servers):
        yield from check(settings)
    ports = settings.used_ports(infrastructure_only=infrastructure_only)
    yield from doctor.find_taken_ports(settings, ports)


async def _run(
    settings: StackSettings, console: Console, infrastructure_only: bool, plays_demo: bool
) -> int:
    stack = Stack(settings, Report(console))
    with _cancelled_by_signals():
        try:
            await stack.start(infrastructure_only=infrastructure_only)
            if not infrastructure_only:
                if plays_demo and not settings.demo_note.exists():
                    await _while_alive(stack, play_demo(settings, console))
                _print_addresses(settings, console)
            settings.failure_note.unlink(missing_ok=True)
            console.print("ready; Ctrl-C stops everything")
            await _while_alive(stack, show_events(settings.bootstrap, console))
        except asyncio.CancelledError:
            console.print("stopping …")
        except ChildDied as error:
            _print_failure(console, f"{error}.")
            for line in error.child.tail():
                console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)
            settings.failure_note.write_text(f"{error}.\n")
            return 1
        except FAILURES as error:
            _print_failure(console, f"{error}.")
            settings.failure_note.write_text(f"{error}.\n")
            return 1
        finally:
            stack.stop()
    return 0


async def play_demo(settings: StackSettings, console: Console) -> None:
    """Load the demo brand and play the main job; noted, so that the next start does not.

    Raises NotPlayed.
    """
    # loaded for this alone
    from deploy.local.demo import play  # noqa: PLC0415
    from deploy.local.demo.client import DemoFailed  # noqa: PLC0415

    try:
        await play(urls_of(settings), console)
    except (DemoFailed, httpx.HTTPError) as error:
        raise NotPlayed(f"the main job was not played to its end: {error}") from error
    settings.demo_note.touch()


async def _while_alive(stack: Stack, work: Coroutine[Any, Any, None]) -> None:
    """Do the work while all processes live. Raises ChildDied as soon as one does not."""
    tasks = [asyncio.create_task(stack.watch()), asyncio.create_task(work)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _cancelled_by_signals() -> Iterator[None]:
    """The first signal cancels the current task; more of them do not disturb the stop."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


def _cut_logs(folder: Path) -> None:
    """Start a log anew that has grown too large; the one before is kept."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > LOG_BYTES_KEPT:
            log.replace(log.with_suffix(".log.1"))


def _log_to(path: Path) -> None:
    """What the libraries have to say goes to a log; the terminal is for our own lines."""
    path.parent.mkdir(exist_ok=True)
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(filename=path, level=logging.WARNING, format=form, force=True)


def _print_addresses(settings: StackSettings, console: Console) -> None:
    table = Table(box=None, show_header=False)
    urls = urls_of(settings)
    table.add_row("GraphQL and console", f"{urls.gateway}/")
    table.add_row("account, content, lead", f"{urls.account} {urls.content} {urls.lead}")
    table.add_row("platform sandbox", urls.sandbox)
    table.add_row("Kafka", urls.kafka_bootstrap)
    table.add_row("logs", str(settings.log_dir))
    console.print(table)
    token = identity.issue_token(settings.key_dir, brand_id=DEMO_BRAND, roles=["brand_admin"])
    console.print("a token of the demo brand's administrator (more with `kos token`):")
    console.print(token, style="cyan", soft_wrap=True, highlight=False)


def _print_failure(console: Console, sentence: str) -> None:
    console.print("✗", sentence, style="red", markup=False, highlight=False, soft_wrap=True)
