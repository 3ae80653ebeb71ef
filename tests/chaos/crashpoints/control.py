"""What the driver tells a process under test, and what it hears back: files in one folder.

`<process>.order` says what to do, `<process>.points` is what a recording found, `<process>.hit`
where the process stopped.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

Side = Literal["before", "after"]
SIDES: tuple[Side, ...] = ("before", "after")

Kind = Literal["statement", "commit", "copy", "kafka send", "offset commit", "http call"]


@dataclass(frozen=True)
class Point:
    """One I/O of a process: what is done (`shape`), for which of the product's lines (`place`)."""

    process: str
    kind: Kind
    place: str
    shape: str

    def __str__(self) -> str:
        return f"{self.process} · {self.kind} · {self.place} · {self.shape}"


@dataclass(frozen=True)
class Stop:
    """Stop the `occurrence`-th time that the point is reached since the order was given."""

    point: Point
    occurrence: int
    side: Side

    def __str__(self) -> str:
        return f"{self.side} {self.point} #{self.occurrence}"


@dataclass(frozen=True)
class Order:
    """`number` differs for every order; counting begins anew with each."""

    number: int
    records: bool = False
    stop: Stop | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        data = json.loads(text)
        stop = data["stop"]
        if stop is not None:
            stop = Stop(Point(**stop["point"]), stop["occurrence"], stop["side"])
        return cls(data["number"], data["records"], stop)


def order_file(folder: Path, process: str) -> Path:
    return folder / f"{process}.order"


def points_file(folder: Path, process: str) -> Path:
    return folder / f"{process}.points"


def hit_file(folder: Path, process: str) -> Path:
    return folder / f"{process}.hit"


def give(folder: Path, process: str, order: Order) -> None:
    """The process follows it from its next I/O on."""
    beside = folder / f"{process}.new"
    beside.write_text(order.to_json())
    beside.rename(order_file(folder, process))


def was_hit(folder: Path, process: str, order: Order) -> bool:
    """Whether the process stopped where the order says."""
    file = hit_file(folder, process)
    return file.exists() and file.read_text() == str(order.number)


def read_points(folder: Path, process: str) -> list[Point]:
    """What was recorded, in order, repeats included."""
    file = points_file(folder, process)
    if not file.exists():
        return []
    return [Point(process, **json.loads(line)) for line in file.read_text().splitlines()]
