"""What `kos up` shows while it works: a spinner for open steps, a line for each finished one."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.status import Status


class Report:
    """Lines on a console; the spinner appears on terminals only."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._open: list[str] = []
        self._status = Status("", console=console)

    @contextmanager
    def step(self, name: str, port: int | None = None) -> Iterator[None]:
        """A step with a name; a failed one leaves no line, its exception speaks."""
        started = time.monotonic()
        self._open.append(name)
        self._show()
        try:
            yield
        finally:
            self._open.remove(name)
            self._show()
        where = f" on port {port}" if port else ""
        self.console.print(f"[green]✓[/] {name}{where} [dim]{time.monotonic() - started:.1f} s[/]")

    @contextmanager
    def progress(self, name: str, total: int) -> Iterator[Callable[[], None]]:
        """A bar in place of the spinner; call what it gives once per finished piece."""
        self._status.stop()
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        with Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task(name, total=total)
            yield lambda: bar.advance(task)
        self._show()

    def _show(self) -> None:
        if self._open and self.console.is_terminal:
            self._status.update(", ".join(self._open) + " …")
            self._status.start()
        else:
            self._status.stop()
