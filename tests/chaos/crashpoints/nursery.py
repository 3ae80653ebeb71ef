"""Keeps a product process alive by forking it anew from its imported modules.

Importing opens nothing, so a fork is what a start from the shell would be, without the seconds
that Python needs to import. A child that was stopped at a point is followed by the next one.
"""

import ctypes
import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.chaos.clock import start_clock
from tests.chaos.crashpoints.points import Watch, install
from tests.chaos.inject import edits

PR_SET_PDEATHSIG = 1

SHORTER = (
    # What a dead worker had claimed waits for this long. Waiting proves nothing: a run has
    # hundreds of dead workers.
    edits.Edit(
        "shared.timers", "_CLAIM = timedelta(seconds=15)", "_CLAIM = timedelta(seconds=1.5)"
    ),
    edits.Edit("shared.timers", "_RENEW_SECONDS = 4.0", "_RENEW_SECONDS = 0.4"),
)


def raise_children(
    module: str,
    arguments: list[str],
    run: Callable[[], None],
    *,
    points: Path | None,
    clock: Path | None = None,
) -> int:
    """Fork children that `run`, one after the other, until SIGTERM; the last one's exit code.

    With `points` they follow the orders in that folder, with `clock` the steps in that file.
    """
    if points is not None:
        edits.install(SHORTER)
    for part in ("__main__", "app", "worker"):
        try:
            importlib.import_module(f"{module}.{part}")
        except ModuleNotFoundError:
            continue
    if points is not None:
        install(Watch(points, name_of(module, arguments)))
    child = 0
    is_stopping = False

    def stop(number: int, _: object) -> None:
        nonlocal is_stopping
        is_stopping = True
        if child:
            os.kill(child, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while True:
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            _live(parent, run, clock)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        child = 0
        if is_stopping or code != -signal.SIGKILL:
            return code


def name_of(module: str, arguments: list[str]) -> str:
    """The part's name in the stack: `lead`, `lead_worker`, `gateway`."""
    name = module.removesuffix("_svc")
    return f"{name}_worker" if arguments[:1] == ["worker"] else name


def _live(parent: int, run: Callable[[], None], clock: Path | None) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    if clock is not None:
        start_clock(clock)
    code = 1
    try:
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
