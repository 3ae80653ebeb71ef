"""All that is pending for an endpoint is sent at once, whatever it is about."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="webhooks do not wait for earlier ones of their subject",
    edits=(
        Edit(
            "lead_svc.webhooks.repository",
            "        .ext(distinct_on(WebhookDelivery.subject))\n",
            "",
        ),
    ),
    breaks=frozenset({"I9"}),
    shows="reached .* as versions",
    trouble="subscriber fails",
)
