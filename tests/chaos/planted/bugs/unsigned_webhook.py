"""Webhooks go out without a signature."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="webhooks are not signed",
    edits=(
        Edit(
            "lead_svc.webhooks.sender",
            "            headers = signing.sign("
            "outgoing.secrets, str(delivery.event_id), now(), outgoing.body)\n",
            '            headers = {"webhook-id": str(delivery.event_id)}\n',
        ),
    ),
    breaks=frozenset({"I9"}),
    shows="is not validly signed",
)
