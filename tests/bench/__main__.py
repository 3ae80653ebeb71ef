"""Ratios against bare limits of the same run, on one page: `python -m tests.bench [ROW …]`.

A ratio compares our code with the least that the same work needs in Python (a bare proxy, a bare
transaction, COPY), in the same run on the same machine: the two take turns, and the median of the
rounds counts. What each row means, and the page as last measured: docs/performance.md.

To add rows, write a module in this directory and name it in `MODULES`. It holds

    ROWS: Sequence[Row]         ids, one line each, floor and goal
    async def measure(options: Options, wanted: Collection[str]) -> list[Result]
                                the results of those rows of it whose id is wanted

and takes what it needs from `rounds` (processes on cores of their own, rounds that alternate, CPU
of a process tree), `load` (a cheap HTTP client, a server of fixed bytes) and `row` (`compare` makes
the result of two sides' samples). Compare the answers of both sides before timing them, and raise
if they differ. `gateway.py` is an example.
"""

import argparse
import asyncio
import importlib
import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, cast

from tests.bench.rounds import cores, pin
from tests.bench.row import Options, Result, Row, Side, Verdict

MODULES = (
    "tests.bench.gateway",
    "tests.bench.intake",
    "tests.bench.fan_out",
    "tests.bench.page",
    "tests.bench.routing",
    "tests.bench.layout",
    "tests.bench.imports",
    "tests.bench.rewards",
    "tests.bench.whole_brand",
    "tests.bench.flow",
    "tests.bench.footprint",
)


class Module(Protocol):
    ROWS: Sequence[Row]

    async def measure(self, options: Options, wanted: Collection[str], /) -> list[Result]: ...


def load_modules() -> list[Module]:
    return [cast("Module", importlib.import_module(name)) for name in MODULES]


def main() -> int:
    modules = load_modules()
    known = {row.id: row for module in modules for row in module.ROWS}
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        epilog="rows: " + "; ".join(f"{row.id} ({row.what})" for row in known.values()),
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="which rows; all when none is named")
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument("--requests", type=int, default=Options.requests, help="a side and round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    given = parser.parse_args()
    unknown = set(given.rows) - set(known)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    wanted = set(given.rows or known)
    results = asyncio.run(
        measure_all(modules, Options(rounds=given.rounds, requests=given.requests), wanted)
    )
    print(page(results))
    if given.json is not None:
        told = [{**asdict(one), "verdict": one.verdict} for one in results]
        given.json.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return 1 if any(one.verdict is Verdict.MISSED for one in results) else 0


async def measure_all(
    modules: Sequence[Module], options: Options, wanted: Collection[str]
) -> list[Result]:
    _, load = cores()
    pin(0, load)
    results: list[Result] = []
    for module in modules:
        mine = {row.id for row in module.ROWS} & set(wanted)
        if mine:
            print(f"measuring {', '.join(sorted(mine))}", file=sys.stderr, flush=True)
            results += await module.measure(options, mine)
    return results


def page(results: Sequence[Result]) -> str:
    """One page: a line per row, ours over the limit, and notes under the rows they belong to."""
    head = (
        f"{'row':12} {'ratio':>6} {'floor':>6} {'goal':>6}  {'verdict':8}"
        f"{'req/s':>15} {'CPU us/req':>15} {'p50 ms':>13} {'p99 ms':>13}  what"
    )
    lines = [head, "-" * len(head)]
    for one in results:
        row = one.row
        columns = [
            _pair(one, "rate", 15, 0),
            _pair(one, "cpu_us", 15, 0),
            _pair(one, "p50_ms", 13, 1),
            _pair(one, "p99_ms", 13, 1),
        ]
        lines.append(
            f"{row.id:12} {_number(one.ratio)} {_number(row.floor)} {_number(row.goal)}"
            f"  {one.verdict:8}{' '.join(columns)}  {row.what} [{row.by}]"
        )
        if one.rounds:
            lines.append(f"{'':12} rounds: {', '.join(f'{ratio:.2f}' for ratio in one.rounds)}")
        lines += [f"{'':12} {line}" for line in one.note.splitlines()]
    lines += [
        "",
        "Pairs are ours / limit. [CPU]: CPU per request, limit ÷ ours; [rate]: ours ÷ limit;",
        "[seconds]: ours ÷ limit, smaller is better.",
    ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return f"{'–':>6}" if value is None else f"{value:6.2f}"


def _pair(result: Result, name: str, width: int, digits: int) -> str:
    sides: list[Side] = [side for side in (result.ours, result.limit) if side is not None]
    values = [getattr(side, name) for side in sides]
    told = "/".join("–" if value is None else f"{value:.{digits}f}" for value in values)
    return f"{told:>{width}}"


if __name__ == "__main__":
    sys.exit(main())
