"""Every stop of both flows: `python -m tests.chaos.crashpoints`. Exit code 1 if one broke them."""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.crashpoints.driver import Slice
from tests.chaos.crashpoints.run import Options, Result, run
from tests.conftest import reachable_folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.crashpoints", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=2, help="stops at a point that comes again")
    parser.add_argument("--sample", type=int, help="only so many stops of each flow")
    parser.add_argument("--minutes", type=float, help="stop trying after this long")
    parser.add_argument(
        "--part", type=read_part, default=(1, 1), help="2/4: the second of four parts of the stops"
    )
    parser.add_argument("--keep", type=Path, help="folder to leave data and logs in")
    arguments = parser.parse_args()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f}] {text}", flush=True)

    options = Options(
        seed=arguments.seed,
        most=arguments.most,
        sample=arguments.sample,
        minutes=arguments.minutes,
        part=arguments.part,
    )
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True)
        result = asyncio.run(run(options, arguments.keep, say))
    else:
        with reachable_folder() as home:
            result = asyncio.run(run(options, home, say))
    print("\n".join(lines(result)))
    return 0 if result.is_clean else 1


def read_part(text: str) -> Slice:
    number, _, count = text.partition("/")
    part = int(number), int(count)
    if not 1 <= part[0] <= part[1]:
        raise ValueError(text)
    return part


def lines(result: Result) -> Iterator[str]:
    stops: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for outcome in result.reached:
        name = outcome.stop.point.kind
        stops[name] += 1
        held[name] += not result.broken(outcome)
    points: Counter[str] = Counter()
    for (_, kind), count in result.points.items():
        points[kind] += count
    yield f"{'kind':<14} {'points':>7} {'stopped':>8} {'held':>7}"
    for kind in sorted(points):
        yield f"{kind:<14} {points[kind]:>7} {stops[kind]:>8} {held[kind]:>7}"
    total, whole = stops.total(), held.total()
    share = 100 * whole / total if total else 0.0
    yield f"{'all':<14} {points.total():>7} {total:>8} {whole:>7}  {share:.1f}%"
    yield (
        f"{len(result.outcomes)} of {result.planned} stops tried, "
        f"{len(result.outcomes) - total} of them not reached; {result.seconds:.0f} s in all"
    )
    for outcome in result.outcomes:
        if not outcome.was_hit and not outcome.failure:
            yield f"not reached: {outcome.stop}: {outcome.why_not}"
    for outcome in result.outcomes:
        for reason in result.broken(outcome):
            yield f"BROKEN {outcome.stop}: {reason}"
    for anomaly in result.unassigned:
        yield f"BROKEN {anomaly}"


if __name__ == "__main__":
    sys.exit(main())
