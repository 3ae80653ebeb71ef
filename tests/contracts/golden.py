"""Write a golden file for every event type that has none yet; existing files are left alone."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

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
    if "$ref" in schema:
        return sample(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], definitions)
    if "enum" in schema:
        return schema["enum"][0]
    if "pattern" in schema:
        return f"{schema['pattern'][1:].partition('_[')[0]}_{_ID}"
    if schema.get("format") == "date-time":
        return datetime(2026, 3, 1, 10, 15, tzinfo=UTC).isoformat().replace("+00:00", "Z")
    if schema.get("format") == "uuid":
        return str(UUID(int=7))
    if schema.get("type") == "array":
        return [sample(schema["items"], definitions)]
    return _SAMPLES[schema["type"]]


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
