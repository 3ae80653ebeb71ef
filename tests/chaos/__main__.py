"""The long form: `python -m tests.chaos --minutes 10 --seed 7`. Exit code 1 on any anomaly."""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from tests.chaos.report import lines
from tests.chaos.run import Options, run
from tests.conftest import reachable_folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between faults")
    parser.add_argument(
        "--rate",
        type=float,
        default=0.3,
        help="how busy each brand is: leads per second by hooks signed here",
    )
    parser.add_argument("--keep", type=Path, help="folder to leave data and logs in")
    arguments = parser.parse_args()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f}] {text}", flush=True)

    options = Options(
        seed=arguments.seed,
        seconds=arguments.minutes * 60,
        every=arguments.every,
        rate=arguments.rate,
    )
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True)
        result = asyncio.run(run(options, arguments.keep, say))
    else:
        with reachable_folder() as home:
            result = asyncio.run(run(options, home, say))
    print("\n".join(lines(result, minutes=arguments.minutes)))
    return 1 if result.anomalies else 0


if __name__ == "__main__":
    sys.exit(main())
