"""Start a product process with changes from outside.

    python -m tests.chaos.inject SPEC MODULE ARGUMENTS...

`SPEC` is `planted=NAME` (a bug of `tests.chaos.planted`), `points=FOLDER` (stop it at chosen I/O
points, see `tests.chaos.crashpoints`) or `forked` (as it is, but a child that was killed is there
again at once; `forked=FILE` on a clock that the file steps, see `tests.chaos.clock`). MODULE is
what would stand after `python -m`.
"""

import runpy
import sys
from pathlib import Path

from tests.chaos.crashpoints.nursery import raise_children
from tests.chaos.inject import edits
from tests.chaos.planted import find_planted


def main() -> int:
    spec, module, *arguments = sys.argv[1:]
    kind, _, value = spec.partition("=")
    sys.argv = [module, *arguments]

    def run() -> None:
        runpy.run_module(module, run_name="__main__", alter_sys=True)

    if kind == "planted":
        edits.install(find_planted(value).edits)
        run()
        return 0
    if kind in ("points", "forked"):
        points = Path(value) if kind == "points" else None
        clock = Path(value) if kind == "forked" and value else None
        return raise_children(module, arguments, run, points=points, clock=clock)
    raise SystemExit(f"cannot inject {spec}")


if __name__ == "__main__":
    sys.exit(main())
