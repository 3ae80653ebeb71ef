"""The published contract of the events: AsyncAPI 3.0, generated from the event classes.

`python -m shared.contracts` writes `docs/api/events.asyncapi.json`; `--check` compares instead and
exits with 1 when the committed document is out of date.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import orjson

from shared.events import TOPICS, Event, event_types

DOCUMENT = Path(__file__).parent.parent / "docs" / "api" / "events.asyncapi.json"

_HEADERS = {
    "type": "object",
    "required": [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_subject",
        "ce_time",
        "ce_brandid",
        "ce_aggregateversion",
        "content-type",
    ],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "UUIDv7; the same on repeats"},
        "ce_source": {"type": "string", "examples": ["/kos/lead_svc"]},
        "ce_type": {"type": "string", "examples": ["kos.lead.captured.v1"]},
        "ce_subject": {"type": "string", "description": "Typed id of the aggregate; the key too"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_brandid": {"type": "string", "description": "Typed id of the brand"},
        "ce_aggregateversion": {
            "type": "string",
            "pattern": "^[1-9][0-9]*$",
            "description": "Ascends by one with every event of the aggregate",
        },
        "ce_traceparent": {"type": "string", "description": "W3C trace context"},
        "content-type": {"const": "application/json"},
    },
}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document of all topics and event types."""
    kinds = event_types()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "KOS platform events",
            "version": "1",
            "description": (
                "CloudEvents 1.0 on Kafka in binary mode. Everything about one aggregate arrives "
                "in order on one partition, at least once. Readers ignore unknown fields and types."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {topic: _channel(topic, kinds) for topic in TOPICS},
        "operations": {
            f"receive {topic}": {"action": "receive", "channel": {"$ref": f"#/channels/{topic}"}}
            for topic in TOPICS
        },
        "components": {
            "schemas": {"Envelope": _HEADERS},
            "messages": {kind.type: _message(kind) for kind in kinds},
        },
    }


def _channel(topic: str, kinds: list[type[Event]]) -> dict[str, Any]:
    return {
        "address": topic,
        "messages": {
            kind.type: {"$ref": f"#/components/messages/{kind.type}"}
            for kind in kinds
            if kind.topic == topic
        },
    }


def _message(kind: type[Event]) -> dict[str, Any]:
    return {
        "name": kind.type,
        "title": kind.__name__,
        "summary": " ".join((kind.__doc__ or "").split()),
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Envelope"},
        "payload": kind.model_json_schema(mode="serialization"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    document = orjson.dumps(asyncapi(), option=orjson.OPT_INDENT_2) + b"\n"
    if not parser.parse_args().check:
        DOCUMENT.write_bytes(document)
    elif not DOCUMENT.exists() or DOCUMENT.read_bytes() != document:
        sys.exit(f"{DOCUMENT.name} is out of date: run python -m shared.contracts")


if __name__ == "__main__":
    main()
