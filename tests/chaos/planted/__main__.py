"""Every planted bug against load, trouble and checker: `python -m tests.chaos.planted [NAME…]`.

Exit code 1 if the checker does not find one of them, or finds something without one.
"""

import argparse
import asyncio
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.local.demo.client import DemoFailed
from deploy.local.parts import Part
from deploy.local.process import ChildDied, ServerFailed
from tests.chaos.checker import Anomaly
from tests.chaos.planted import Planted, brokers, find_planted, list_planted
from tests.chaos.planted.troubles import TROUBLES, all_of_them
from tests.chaos.run import Options, run
from tests.conftest import reachable_folder

CONTROL = "none"
_MODULES = ("account_svc", "content_svc", "lead_svc", "gateway", "tests.shared.relay_process")
_EXAMPLES = 2
_TRIES = 2


@dataclass(frozen=True)
class Verdict:
    """`anomalies` is None when the run did not come to a judgement."""

    name: str
    bug: Planted | None
    anomalies: list[Anomaly] | None
    seconds: float

    @property
    def names(self) -> Counter[str]:
        return Counter(anomaly.name for anomaly in self.anomalies or ())

    @property
    def is_right(self) -> bool:
        if self.anomalies is None:
            return False
        return not self.anomalies if self.bug is None else bool(self.telling)

    @property
    def telling(self) -> list[Anomaly]:
        """Those that name the bug."""
        bug = self.bug
        if bug is None:
            return []
        return [
            anomaly
            for anomaly in self.anomalies or ()
            if anomaly.name in bug.breaks and re.search(bug.shows, anomaly.reason)
        ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.planted", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"bugs, or {CONTROL} for the run without one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder to leave data and logs in")
    arguments = parser.parse_args()
    verdicts = []
    for name in arguments.names or [CONTROL, *list_planted()]:
        verdict = judge(name, arguments.seed, arguments.keep)
        verdicts.append(verdict)
        print(line(verdict), flush=True)
        for anomaly in examples(verdict):
            print(f"    {str(anomaly)[:240]}", flush=True)
    print()
    print(f"{'bug':<22} {'seconds':>7}  found")
    for verdict in verdicts:
        print(line(verdict))
    return 0 if all(verdict.is_right for verdict in verdicts) else 1


def judge(name: str, seed: int, keep: Path | None) -> Verdict:
    began = time.monotonic()
    bug = None if name == CONTROL else find_planted(name)
    anomalies: list[Anomaly] | None = None
    for number in range(_TRIES):
        try:
            if keep is not None:
                home = keep / (name if number == 0 else f"{name}-{number}")
                home.mkdir(parents=True)
                anomalies = _run(name, seed, home)
            else:
                with reachable_folder() as home:
                    anomalies = _run(name, seed, home)
            break
        except (DemoFailed, ServerFailed, ChildDied, AssertionError, ExceptionGroup) as error:
            # a machine that is too busy to set a brand up judges nothing
            print(f"{name}: {error!r}", file=sys.stderr)
    return Verdict(name, bug, anomalies, time.monotonic() - began)


def _run(name: str, seed: int, home: Path) -> list[Anomaly]:
    anomalies: list[Anomaly] = []
    if name == CONTROL or find_planted(name).trouble == "a broker lost":
        (home / "cluster").mkdir()
        anomalies += asyncio.run(brokers.run(home / "cluster", plant(name)))
        if name != CONTROL:
            return anomalies
    options = Options(
        seed=seed,
        seconds=13,
        rate=0.5,
        # nothing here is about posts
        campaigns=False,
        stores_per_region=1,
        trouble=all_of_them if name == CONTROL else TROUBLES[find_planted(name).trouble],
        drain_seconds=32,
        settle_seconds=60 if name == CONTROL else 20,
        rewrite=plant(name),
    )
    result = asyncio.run(run(options, home, lambda _: None))
    return anomalies + result.anomalies


def plant(name: str) -> Callable[[Part], Part]:
    """Starts the product's processes with the bug in them."""

    def with_bug(part: Part) -> Part:
        python, flag, module, *rest = part.command
        if name == CONTROL or module not in _MODULES:
            return part
        inject = ["tests.chaos.inject", f"planted={name}", module]
        return replace(part, command=[python, flag, *inject, *rest])

    return with_bug


def line(verdict: Verdict) -> str:
    if verdict.anomalies is None:
        found = "NOT JUDGED"
    else:
        shown = sorted(verdict.names.items(), key=lambda each: int(each[0][1:]))
        found = ", ".join(f"{name} x{count}" for name, count in shown) or "nothing"
        if verdict.telling:
            telling = Counter(anomaly.name for anomaly in verdict.telling)
            found = " ".join(sorted(telling)) + f" tells it; in all {found}"
    mark = "" if verdict.is_right else "   <- WRONG"
    return f"{verdict.name:<22} {verdict.seconds:7.0f}  {found}{mark}"


def examples(verdict: Verdict) -> Iterator[Anomaly]:
    """Some of each name, so that a person sees what the checker saw; those that name the bug
    first."""
    seen: Counter[str] = Counter()
    telling = verdict.telling
    for anomaly in [*telling, *(each for each in verdict.anomalies or () if each not in telling)]:
        seen[anomaly.name] += 1
        if seen[anomaly.name] <= _EXAMPLES:
            yield anomaly


if __name__ == "__main__":
    sys.exit(main())
