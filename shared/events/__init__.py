"""Published facts: one file per owning service; `decode` turns a record back into its class."""

from shared.events import account, content, lead
from shared.events.event import Event, Received, decode, event_types

TOPICS: tuple[str, ...] = tuple(sorted({kind.topic for kind in event_types()}))
"""Every topic the platform publishes; created with a fixed partition count before the services."""

__all__ = ["TOPICS", "Event", "Received", "account", "content", "decode", "event_types", "lead"]
