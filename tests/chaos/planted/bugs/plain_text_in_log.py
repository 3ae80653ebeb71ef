"""Whoever qualified a lead wanted to see in the log whose it was."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="a name is logged",
    edits=(
        Edit(
            "lead_svc.use_cases.qualify",
            "        await learn(session, vault, contact, form)\n"
            "        earlier = contact.lead_count\n",
            "        await learn(session, vault, contact, form)\n"
            "        __import__('structlog').get_logger(__name__).info('seen', name=form.name)\n"
            "        earlier = contact.lead_count\n",
        ),
    ),
    breaks=frozenset({"I11"}),
    shows="the log of lead_worker tells",
)
