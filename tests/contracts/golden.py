"""Write a golden file for every event type that has none yet; existing files are left alone."""

from pathlib import Path
from typing import Any

import orjson

from shared.events import Event, event_types

_ID = "01jq7z8x3mf0c9w5t2v6b4n8ra"
_SAMPLES: dict[str, Any] = {
    "string": "sample",
    "integer": 3,
    "number": 31.23,
    "boolean": True,
}


def sample(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """A value that fits a JSON schema of the kinds that events use."""
    match schema:
        case {"$ref": reference}:
            value = sample(definitions[reference.rpartition("/")[2]], definitions)
        case {"anyOf": [first, *_]}:
            value = sample(first, definitions)
        case {"enum": [first, *_]}:
            value = first
        case {"pattern": pattern}:
            value = f"{pattern[1:].partition('_[')[0]}_{_ID}"
        case {"format": "date-time"}:
            value = "2026-03-01T10:15:00Z"
        case {"type": "array", "items": items}:
            value = [sample(items, definitions)]
        case {"type": "object", "properties": properties}:
            value = {name: sample(each, definitions) for name, each in properties.items()}
        case {"format": "uuid"}:
            value = "01958ff4-7a83-7a18-9e05-5a1c1c1aa0c2"
        case _:
            value = _SAMPLES[schema["type"]]
    return value


def golden(kind: type[Event]) -> bytes:
    schema = kind.model_json_schema(mode="serialization")
    definitions = schema.get("$defs", {})
    data = {name: sample(field, definitions) for name, field in schema["properties"].items()}
    return orjson.dumps(data, option=orjson.OPT_INDENT_2) + b"\n"


if __name__ == "__main__":
    folder = Path(__file__).parent / "events"
    folder.mkdir(exist_ok=True)
    for kind in event_types():
        path = folder / f"{kind.type}.json"
        if not path.exists():
            path.write_bytes(golden(kind))
