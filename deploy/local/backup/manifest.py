"""What a backup says about itself. It is written last: a folder without one is no backup."""

import hashlib
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel

FILE = "manifest.json"
FORMAT = 1
_CHUNK = 1 << 20

Offsets = dict[str, dict[int, int]]
"""By topic and partition."""


class Manifest(BaseModel):
    format: int
    taken_at: datetime
    databases: dict[str, str]
    """By service, the newest migration in its dump."""
    ends: Offsets
    """The log ends here: what came later is not in the backup."""
    groups: dict[str, Offsets]
    """By consumer group, the first offset that it had not processed."""
    held_ms: int
    """How long nobody could add an event, in milliseconds."""
    keys: dict[str, str]
    """By name, what tells one key from another and nothing about it."""
    has_demo: bool
    files: dict[str, str]
    """SHA-256 by path in the folder."""

    def write(self, folder: Path) -> None:
        beside = folder / f"{FILE}.new"
        beside.write_text(self.model_dump_json(indent=2))
        beside.rename(folder / FILE)


def digest(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()


def fingerprint(key: bytes) -> str:
    """Of a random key of 32 bytes, which no digest gives away."""
    return hashlib.sha256(b"kos backup key\0" + key).hexdigest()[:32]
