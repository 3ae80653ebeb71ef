"""The wire form of every event: one golden file per type and version, never changed once published.

A golden file is written by hand or by `python -m tests.contracts.golden` for a new type; changing
one means breaking readers that are already deployed, so the change is a new version instead.
"""

from pathlib import Path

import jsonschema
import orjson
import pytest

from shared.contracts import asyncapi
from shared.events import Event, decode, event_types

GOLDEN = Path(__file__).parent / "events"
DOCUMENT = asyncapi()


@pytest.mark.parametrize("kind", event_types(), ids=lambda kind: kind.type)
def test_g7_the_producer_writes_what_the_golden_file_says(kind: type[Event]) -> None:
    golden = (GOLDEN / f"{kind.type}.json").read_bytes()

    written = orjson.loads(kind.model_validate_json(golden).data())

    # Fields added later are optional: they may be more than the golden file has, never other.
    assert orjson.loads(golden).items() <= written.items()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_g7_the_consumer_reads_every_version_ever_published(path: Path) -> None:
    event = decode(path.stem, path.read_bytes())

    assert event is not None
    assert type(event).type == path.stem


@pytest.mark.parametrize("kind", event_types(), ids=lambda kind: kind.type)
def test_readers_ignore_fields_they_do_not_know(kind: type[Event]) -> None:
    golden = (GOLDEN / f"{kind.type}.json").read_bytes()
    with_more = {**orjson.loads(golden), "a_field_of_a_later_release": {"x": 1}}

    assert decode(kind.type, orjson.dumps(with_more)) == kind.model_validate_json(golden)


def test_readers_ignore_types_they_do_not_know() -> None:
    assert decode("kos.lead.captured.v99", b"{}") is None


@pytest.mark.parametrize("kind", event_types(), ids=lambda kind: kind.type)
def test_g7_the_asyncapi_document_describes_the_golden_data(kind: type[Event]) -> None:
    schema = DOCUMENT["components"]["messages"][kind.type]["payload"]

    jsonschema.validate(orjson.loads((GOLDEN / f"{kind.type}.json").read_bytes()), schema)


@pytest.mark.parametrize("kind", event_types(), ids=lambda kind: kind.type)
def test_no_event_has_a_field_for_personal_data(kind: type[Event]) -> None:
    personal = {"name", "phone", "wechat", "email", "address", "note", "text", "id_number"}
    # Units and campaigns are no persons: their names are public.
    allowed = {"kos.org.unit_added.v1": {"name"}, "kos.org.unit_changed.v1": {"name"}}
    allowed["kos.campaign.launched.v1"] = {"name"}

    assert set(kind.model_fields) & personal <= allowed.get(kind.type, set())


def test_every_golden_file_has_its_event() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == {kind.type for kind in event_types()}
