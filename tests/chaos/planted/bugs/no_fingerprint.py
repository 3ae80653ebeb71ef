"""A key's stored answer is given to whatever request comes with the key."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="an idempotency key answers any request",
    edits=(
        Edit(
            "shared.idempotency",
            "    if stored.fingerprint != request_fingerprint:\n",
            "    if stored.fingerprint == b'':\n",
        ),
    ),
    breaks=frozenset({"I8"}),
    shows="for another body and got through",
)
