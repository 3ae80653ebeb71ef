"""Facts of other services that account_svc acts on."""

from shared.consumer import Handler
from shared.events import Event

TOPICS = ("kos.lead", "kos.deal", "kos.post")

HANDLERS: dict[type[Event], Handler] = {}
