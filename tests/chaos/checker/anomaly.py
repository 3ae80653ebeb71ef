"""What the checker finds."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Anomaly:
    """A broken promise: the invariant's name, `I1` to `I14`, and what is wrong in words."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"
