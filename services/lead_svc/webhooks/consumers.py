"""Kafka edge of the webhooks: every event on offer is queued for whoever subscribed to it."""

from collections.abc import Mapping

from lead_svc.webhooks.use_cases import OFFERED_TOPICS, queue_deliveries
from shared.consumer import Handler
from shared.events import Event, event_types

TOPICS = OFFERED_TOPICS

HANDLERS: Mapping[type[Event], Handler] = {
    kind: queue_deliveries for kind in event_types() if kind.topic in OFFERED_TOPICS
}
