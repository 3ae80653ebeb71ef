"""What a benchmark row is, and what measuring it gives."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class By(StrEnum):
    """What the ratio of two sides is made of; always so that 2.0 means ours is twice as good,
    except for SECONDS, where it is how many times as long ours takes."""

    CPU = "CPU"
    """CPU per request: limit ÷ ours. A busy machine disturbs it least."""
    RATE = "rate"
    """Requests per second: ours ÷ limit."""
    SECONDS = "seconds"
    """Wall clock of one piece of work: ours ÷ limit; smaller is better."""


class Verdict(StrEnum):
    GOAL = "goal"
    FLOOR = "floor"
    MISSED = "MISSED"
    MEASURED = "–"
    """The row has no floor."""


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    what: str
    """One line: what is compared with which limit."""
    floor: float | None = None
    """Below it `make bench` fails; None for what is only measured."""
    goal: float | None = None
    by: By = By.CPU

    def verdict(self, ratio: float | None) -> Verdict:
        if ratio is None or self.floor is None:
            return Verdict.MEASURED
        if self.goal is not None and self._reaches(ratio, self.goal):
            return Verdict.GOAL
        return Verdict.FLOOR if self._reaches(ratio, self.floor) else Verdict.MISSED

    def _reaches(self, ratio: float, bound: float) -> bool:
        return ratio <= bound if self.by is By.SECONDS else ratio >= bound


@dataclass(frozen=True)
class Options:
    rounds: int = 3
    requests: int = 2000
    """Requests to each side a round; rows that do other work take it as a hint of the size."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One side in one round."""

    requests: int
    seconds: float
    """Wall clock of the round."""
    cpu_seconds: float
    """User and system time of the side's processes."""
    latencies: Sequence[float] = ()
    """Seconds of each request, when they are requests."""

    @property
    def cpu_us(self) -> float:
        return self.cpu_seconds / self.requests * 1e6

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def percentile_ms(self, percent: float) -> float | None:
        if not self.latencies:
            return None
        return sorted(self.latencies)[int(len(self.latencies) * percent / 100)] * 1e3


@dataclass(frozen=True, slots=True)
class Side:
    """Medians of a side's rounds."""

    rate: float
    cpu_us: float
    p50_ms: float | None
    p99_ms: float | None

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "Side":
        p50 = [found for one in samples if (found := one.percentile_ms(50)) is not None]
        p99 = [found for one in samples if (found := one.percentile_ms(99)) is not None]
        return cls(
            rate=statistics.median(one.rate for one in samples),
            cpu_us=statistics.median(one.cpu_us for one in samples),
            p50_ms=statistics.median(p50) if p50 else None,
            p99_ms=statistics.median(p99) if p99 else None,
        )


@dataclass(frozen=True, slots=True)
class Result:
    row: Row
    ratio: float | None = None
    """Median of the rounds' ratios; None for a figure that compares with nothing."""
    rounds: Sequence[float] = field(default_factory=list)
    ours: Side | None = None
    limit: Side | None = None
    note: str = ""
    """A short line under the row: figures that fit no column."""

    @property
    def verdict(self) -> Verdict:
        return self.row.verdict(self.ratio)


def compare(row: Row, ours: Sequence[Sample], limit: Sequence[Sample], note: str = "") -> Result:
    """The result of alternating rounds: `ours[n]` and `limit[n]` are of the same round."""
    ratios = [_ratio(row.by, mine, bare) for mine, bare in zip(ours, limit, strict=True)]
    return Result(row, statistics.median(ratios), ratios, Side.of(ours), Side.of(limit), note)


def _ratio(by: By, ours: Sample, limit: Sample) -> float:
    if by is By.CPU:
        return limit.cpu_us / ours.cpu_us
    if by is By.RATE:
        return ours.rate / limit.rate
    return ours.seconds / limit.seconds
