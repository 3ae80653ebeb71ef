"""Refusals about webhook endpoints."""

from shared.errors import Conflict, Invalid, NotFound


class EndpointNotFound(NotFound):
    code = "webhook_endpoint_not_found"


class TargetRefused(Invalid):
    """The URL is not one that webhooks may go to."""

    code = "webhook_target_refused"


class EventTypeUnknown(Invalid):
    code = "event_type_unknown"


class EndpointDisabled(Conflict):
    code = "webhook_endpoint_disabled"
