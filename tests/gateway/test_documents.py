"""Trusted documents: known by the hash of their text."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.edge.documents import document_id, read_trusted
from gateway.settings import Settings
from tests.gateway.conftest import Client, MakeToken, serve
from tests.gateway.services import Services

KNOWN = "query Known($id: ID!) { lead(id: $id) { id } }"


@pytest.fixture
def trusting(settings: Settings, tmp_path: Path) -> Settings:
    path = tmp_path / "documents.json"
    path.write_text(json.dumps({document_id(KNOWN): KNOWN}))
    return settings.model_copy(update={"trusted_documents_file": path})


def test_the_id_is_that_of_the_published_vector() -> None:
    assert document_id("query($id:ID!){user(id:$id){name}}") == (
        "sha256:71f7dc5758652baac68e4a10c50be732b741c892ade2883a99358f52b555286b"
    )


def test_a_file_with_a_wrong_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "documents.json"
    path.write_text(json.dumps({f"sha256:{sha256(b'other').hexdigest()}": KNOWN}))

    with pytest.raises(ValueError, match="is not the hash of its document"):
        read_trusted(path)


async def test_g3_a_known_document_runs_by_its_id_and_an_unknown_one_does_not(
    trusting: Settings, make_token: MakeToken, brand: str
) -> None:
    async with serve(trusting) as http:
        client = Client(http, make_token(brand=brand))
        known = await client.post({"documentId": document_id(KNOWN), "variables": {"id": "x"}})
        unknown = await client.post({"documentId": document_id("{ __typename }")})

    assert known.json() == {"data": {"lead": None}}
    assert unknown.status_code == 400
    assert unknown.json()["errors"][0]["extensions"] == {"code": "unknown_document"}


async def test_when_only_trusted_documents_run_people_cannot_send_others_but_systems_can(
    trusting: Settings, services: Services, make_token: MakeToken, brand: str
) -> None:
    services.answers["POST account/api-keys/verify"] = lambda _: {
        "sub": "apikey_1",
        "brand": brand,
        "roles": ["scrm"],
        "units": [],
        "scope": "*",
    }
    strict = trusting.model_copy(update={"trusted_documents_only": True})
    async with serve(strict) as http:
        person = Client(http, make_token(brand=brand))
        system = Client(http, "kos_live_abc")
        refused = await person.post({"query": KNOWN, "variables": {"id": "x"}})
        trusted = await person.post({"documentId": document_id(KNOWN), "variables": {"id": "x"}})
        free = await system.post({"query": "{ __typename }"})

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["extensions"] == {"code": "untrusted_document"}
    assert trusted.json() == {"data": {"lead": None}}
    assert free.json() == {"data": {"__typename": "Query"}}
