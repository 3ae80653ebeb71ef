"""Which faults a run has and when: drawn from the seed before it begins."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SERVICES = ("account", "content", "lead")
PARTS = ("sandbox", *(f"{name}{role}" for name in SERVICES for role in ("", "_worker")), "gateway")
WORKERS = tuple(f"{name}_worker" for name in SERVICES)
EDGES = (
    *(f"{name}{role}-postgres" for name in SERVICES for role in ("", "_worker")),
    *(f"{name}-kafka" for name in (*WORKERS, "gateway")),
    *(f"gateway-{name}" for name in SERVICES),
    "content_worker-sandbox",
    "lead_worker-sink",
    "sandbox-lead",
    "client-gateway",
    "client-lead",
)


@dataclass(frozen=True)
class Fault:
    """A fault of a class on a target, from `at` seconds after the start of the load."""

    at: float
    seconds: float
    kind: str
    target: str
    more: tuple[tuple[str, Any], ...] = ()

    @property
    def end(self) -> float:
        return self.at + self.seconds

    def __str__(self) -> str:
        more = "".join(f" {name}={value}" for name, value in self.more)
        return f"{self.at:7.1f} s  {self.kind:<16} {self.target}{more} for {self.seconds:.1f} s"


def _kill(rng: random.Random) -> tuple[str, float, dict[str, Any]]:
    return rng.choice(PARTS), 0.0, {}


def _freeze(rng: random.Random) -> tuple[str, float, dict[str, Any]]:
    # now and then longer than the session of a consumer and the claim of a timer
    seconds = rng.uniform(11, 18) if rng.random() < 0.3 else rng.uniform(1, 6)
    return rng.choice(PARTS), seconds, {}


def _kill_server(name: str) -> "Draw":
    return lambda _: (name, 0.0, {})


def _freeze_server(rng: random.Random) -> tuple[str, float, dict[str, Any]]:
    return rng.choice(("postgres", "kafka")), rng.uniform(1, 6), {}


def _reset(rng: random.Random) -> tuple[str, float, dict[str, Any]]:
    return rng.choice(EDGES), 0.0, {}


def _delay(rng: random.Random) -> tuple[str, float, dict[str, Any]]:
    return rng.choice(EDGES), rng.uniform(3, 10), {"by": round(rng.uniform(0.02, 0.6), 2)}


def _cut(rng: random.Random) -> tuple[str, float, dict[str, Any]]:
    way = rng.choice(("up", "down"))
    return rng.choice(EDGES), rng.uniform(2, 12), {"way": way}


def _half_open(rng: random.Random) -> tuple[str, float, dict[str, Any]]:
    gone = rng.choice(("client", "server"))
    return rng.choice(EDGES), rng.uniform(4, 20), {"gone": gone}


def _disk_full(rng: random.Random) -> tuple[str, float, dict[str, Any]]:
    return rng.choice(SERVICES), rng.uniform(2, 6), {}


def _clock(rng: random.Random) -> tuple[str, float, dict[str, Any]]:
    # further than a service token lives would only test that it expires
    step = rng.choice((-1, 1)) * rng.uniform(2, 20)
    return rng.choice(PARTS[1:]), rng.uniform(4, 12), {"by": round(step, 1)}


def _rebalance(rng: random.Random) -> tuple[str, float, dict[str, Any]]:
    return rng.choice(SERVICES), rng.uniform(6, 14), {"pause": round(rng.uniform(1, 3), 1)}


def _sink(rng: random.Random) -> tuple[str, float, dict[str, Any]]:
    kind = rng.choice(("server_error", "rate_limited", "garbage", "late_success"))
    return "sink", rng.uniform(3, 8), {"answer": kind, "share": round(rng.uniform(0.3, 1), 2)}


def _platform(rng: random.Random) -> tuple[str, float, dict[str, Any]]:
    kind = rng.choice(
        ("server_error", "rate_limited", "garbage_body", "timeout_after_success", "token_expired")
    )
    return "sandbox", rng.uniform(3, 8), {"answer": kind, "share": round(rng.uniform(0.3, 0.9), 2)}


Draw = Any
_DRAWS: dict[str, tuple[float, Draw]] = {
    "kill": (3.0, _kill),
    "freeze": (2.0, _freeze),
    "kill_postgres": (0.5, _kill_server("postgres")),
    "kill_kafka": (0.5, _kill_server("kafka")),
    "freeze_server": (0.7, _freeze_server),
    "reset": (2.0, _reset),
    "delay": (1.5, _delay),
    "cut": (2.0, _cut),
    "half_open": (1.5, _half_open),
    "disk_full": (1.0, _disk_full),
    "clock": (1.0, _clock),
    "rebalance": (1.0, _rebalance),
    "sink": (1.0, _sink),
    "platform": (1.0, _platform),
}
"""Class of fault: how often it is drawn in proportion, and what one of it is."""

KINDS = tuple(_DRAWS)
_BROKER_SECONDS = 40.0
"""A client of Kafka waits so long for a broker that has gone silent (its `request_timeout_ms`)."""


def plan(seed: int, seconds: float, *, every: float = 2.0) -> list[Fault]:
    """Faults for so many seconds of load, one per `every` on average, overlapping.

    Each class comes once, in an order of the seed, before any comes again: a short run has as
    many classes as it has faults. All end before the load does.
    """
    rng = random.Random(f"faults {seed}")
    return sorted(_draw(rng, seconds, every), key=lambda each: each.at)


def _draw(rng: random.Random, seconds: float, every: float) -> Iterator[Fault]:
    first = list(KINDS)
    rng.shuffle(first)
    weights = [weight for weight, _ in _DRAWS.values()]
    at = rng.uniform(0.3, 1.0) * every
    while at < seconds - 1:
        kind = first.pop() if first else rng.choices(KINDS, weights)[0]
        target, lasts, more = _DRAWS[kind][1](rng)
        if kind == "half_open" and target.endswith("-kafka") and more["gone"] == "server":
            lasts = _BROKER_SECONDS
            if at + lasts > seconds:
                more["gone"] = "client"
        yield Fault(
            at=round(at, 1),
            seconds=round(min(lasts, seconds - at), 1),
            kind=kind,
            target=target,
            more=tuple(more.items()),
        )
        at += rng.expovariate(1 / every)
