"""Documents: trusted ones known by the hash of their text, refused ones by little else."""

import gc
import json
from hashlib import sha256
from pathlib import Path

import pytest
from graphql import DocumentNode

from gateway.edge.documents import Documents, document_id, read_trusted
from gateway.edge.refusals import InvalidDocument
from gateway.schema import schema
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


@pytest.mark.parametrize("text", ["{ leads { nodes { id } } nothing%d }", "{ leads%d { nodes "])
def test_of_a_refused_document_only_what_is_wrong_is_kept(text: str) -> None:
    documents = Documents(schema._schema, most_cost=1000, introspection=False, trusted={})

    def refuse(number: int) -> list[object]:
        with pytest.raises(InvalidDocument) as refused:
            documents.prepare(text % number, None, {})
        assert refused.value.__cause__ is None
        return [error.formatted for error in refused.value.errors]

    before = _count_parsed()
    first = [refuse(number) for number in range(20)]

    assert [refuse(number) for number in range(20)] == first
    assert "locations" in str(first[0])
    assert _count_parsed() == before


def _count_parsed() -> int:
    gc.collect()
    return sum(isinstance(found, DocumentNode) for found in gc.get_objects())
