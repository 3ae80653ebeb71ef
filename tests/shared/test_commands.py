"""One write, one transaction, one answer: idempotency keys, refusals, audit, through HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from asgi_lifespan import LifespanManager
from fastapi import APIRouter, Depends, FastAPI
from joserfc.jwk import KeySet
from pydantic import BaseModel
from sqlalchemy import select, text

from shared import audit, idempotency
from shared.access import AccessMatrix, Principal, Role
from shared.authentication import Authenticator, issue_service_token
from shared.database import brand_session, create_read_pool
from shared.errors import Conflict
from shared.ids import uuid7
from shared.tables import AuditRow, IdempotencyRow
from shared.web import CommandRoute, Transaction, create_app
from tests.shared.conftest import AUDIT_KEY, Plumbing

SECRET = bytes(range(32))
MATRIX = AccessMatrix({"note.add": frozenset({Role.BRAND_ADMIN})})


class NoteTaken(Conflict):
    code = "note_taken"


class NoteIn(BaseModel):
    note: str
    seconds: float = 0


commands = APIRouter(route_class=CommandRoute)


@commands.post("/notes", status_code=201)
async def add_note(
    body: NoteIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("note.add"))],
) -> dict[str, str]:
    await session.execute(
        text("insert into seen (brand_id, key, version, note) values (:brand, 'note', 1, :note)"),
        {"brand": principal.brand_id, "note": body.note},
    )
    audit.record(session, actor=principal.actor, action="note.add", subject="note")
    await asyncio.sleep(body.seconds)
    if body.note == "taken":
        raise NoteTaken("the note is taken", field="/note")
    if body.note == "bug":
        raise RuntimeError(f"bug with {body.note}")
    return {"note": body.note, "id": str(uuid7())}


class NoKeys:
    async def keys(self, kid: str | None, /) -> KeySet:
        raise AssertionError("no OIDC token is used here")


@pytest.fixture
async def client(plumbing: Plumbing) -> AsyncIterator[httpx.AsyncClient]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        reads = await create_read_pool(plumbing.urls.app, size=2)
        yield {
            "sessions": plumbing.app,
            "reads": reads,
            "authenticator": Authenticator(
                issuer="i", audience="a", key_source=NoKeys(), service_secret=SECRET
            ),
            "audit_key": AUDIT_KEY,
        }
        await reads.close()

    app = create_app("test", lifespan=lifespan, checks={})
    app.include_router(commands)
    async with LifespanManager(app) as manager:
        transport = httpx.ASGITransport(app=manager.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test", headers=bearer(plumbing.brand_id)
        ) as http:
            yield http


def bearer(
    brand_id: UUID, *, actor: str = "staff_a", role: Role = Role.BRAND_ADMIN
) -> dict[str, str]:
    principal = Principal(brand_id=brand_id, actor=actor, roles=frozenset({role}))
    return {"Authorization": f"Bearer {issue_service_token(principal, SECRET)}"}


async def notes(plumbing: Plumbing) -> list[str]:
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        return list(await session.scalars(text("select note from seen order by position")))


async def audited(plumbing: Plumbing) -> int:
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        return len(list(await session.scalars(select(AuditRow))))


async def test_g3_a_repeat_gets_the_same_bytes_and_has_no_second_effect(
    plumbing: Plumbing, client: httpx.AsyncClient
) -> None:
    answers = [
        await client.post("/notes", json={"note": "a"}, headers={"Idempotency-Key": key})
        for key in ('"k1"', "k1", "k1")
    ]

    assert {answer.content for answer in answers} == {answers[0].content}
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert "Idempotency-Replayed" not in answers[0].headers
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert await notes(plumbing) == ["a"]
    assert await audited(plumbing) == 1


async def test_g3_a_key_with_another_body_is_refused(
    plumbing: Plumbing, client: httpx.AsyncClient
) -> None:
    headers = {"Idempotency-Key": "k1"}
    await client.post("/notes", json={"note": "a"}, headers=headers)

    answer = await client.post("/notes", json={"note": "b"}, headers=headers)

    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"
    assert answer.json()["field"] == "/Idempotency-Key"
    assert await notes(plumbing) == ["a"]


async def test_g3_the_same_body_spelt_otherwise_is_the_same_request(
    plumbing: Plumbing, client: httpx.AsyncClient
) -> None:
    json_type = {"Idempotency-Key": "k1", "Content-Type": "application/json"}
    first = await client.post("/notes", content=b'{"note":"a","seconds":0}', headers=json_type)

    second = await client.post(
        "/notes", content=b'{ "seconds": 0, "note": "a" }', headers=json_type
    )

    assert second.content == first.content
    assert await notes(plumbing) == ["a"]


async def test_g3_concurrent_twins_have_one_effect(
    plumbing: Plumbing, client: httpx.AsyncClient
) -> None:
    body, headers = {"note": "a", "seconds": 0.5}, {"Idempotency-Key": "k1"}

    answers = await asyncio.gather(
        *(client.post("/notes", json=body, headers=headers) for _ in range(4))
    )

    assert {answer.content for answer in answers} == {answers[0].content}
    assert await notes(plumbing) == ["a"]


async def test_g3_a_twin_that_waits_too_long_is_told_to_repeat(
    plumbing: Plumbing, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "_WAIT_SECONDS", 0.2)
    headers = {"Idempotency-Key": "k1"}
    async with brand_session(plumbing.app, plumbing.brand_id) as first:
        await idempotency.claim(first, plumbing.brand_id, "k1", b"f")
        answer = await client.post("/notes", json={"note": "a"}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_in_use")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "1"
    assert await notes(plumbing) == []


async def test_g3_another_callers_key_does_not_show_the_answer(
    plumbing: Plumbing, client: httpx.AsyncClient
) -> None:
    headers = {"Idempotency-Key": "k1"}
    await client.post("/notes", json={"note": "a"}, headers=headers)

    answer = await client.post(
        "/notes", json={"note": "a"}, headers={**headers, **bearer(plumbing.brand_id, actor="b")}
    )

    assert answer.json()["code"] == "idempotency_key_reused"


async def test_g3_another_brand_may_use_the_same_key(
    plumbing: Plumbing, client: httpx.AsyncClient
) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await client.post("/notes", json={"note": "a"}, headers=headers)

    other = await client.post("/notes", json={"note": "a"}, headers={**headers, **bearer(uuid7())})

    assert other.status_code == 201
    assert other.json()["id"] != first.json()["id"]
    assert await notes(plumbing) == ["a"]


async def test_a_refusal_writes_nothing_and_is_replayed(
    plumbing: Plumbing, client: httpx.AsyncClient
) -> None:
    headers = {"Idempotency-Key": "k1"}
    answers = [
        await client.post("/notes", json={"note": "taken"}, headers=headers) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert answers[0].content == answers[1].content
    assert answers[0].headers["content-type"] == "application/problem+json"
    problem = answers[0].json()
    assert (problem["code"], problem["field"]) == ("note_taken", "/note")
    assert problem["request_id"] == answers[0].headers["x-request-id"]
    assert await notes(plumbing) == []
    assert await audited(plumbing) == 0


async def test_a_bug_is_masked_rolled_back_and_not_stored(
    plumbing: Plumbing, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/notes", json={"note": "bug"}, headers={"Idempotency-Key": "k1"})

    assert answer.status_code == 500
    assert "bug with" not in answer.text
    assert answer.json()["code"] == "internal"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert await notes(plumbing) == []
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        assert list(await session.scalars(select(IdempotencyRow))) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"note": "a\\uD83Db"}', "/note"),
        (b'{"note": "\\ude00\\ud83d"}', "/note"),
        (b'{"note": "a\\u0000b"}', "/note"),
        (b'{"note": "a", "more": [1, {"a/b": "\\u0000"}]}', "/more/1/a~1b"),
        (b'{"note": "a", "n\\u0000": 1}', "/n"),
    ],
)
async def test_a_text_that_cannot_be_stored_is_refused_where_it_is_and_has_no_effect(
    plumbing: Plumbing, client: httpx.AsyncClient, body: bytes, field: str
) -> None:
    answer = await client.post("/notes", content=body, headers={"Content-Type": "application/json"})

    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (422, "invalid", field)
    assert problem["detail"].startswith("a text must not contain ")
    assert (await notes(plumbing), await audited(plumbing)) == ([], 0)


async def test_a_backslash_before_u0000_is_no_nul_and_a_whole_pair_is_a_letter(
    plumbing: Plumbing, client: httpx.AsyncClient
) -> None:
    await client.post("/notes", json={"note": "a\\u0000b😀"})

    assert await notes(plumbing) == ["a\\u0000b😀"]


async def test_a_body_as_deep_as_it_is_wide_is_malformed(client: httpx.AsyncClient) -> None:
    body = b'{"note": ' + b"[" * 200_000 + b'"\\ud83d' + b'"' + b"]" * 200_000 + b"}"

    answer = await client.post("/notes", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code in (400, 422)


async def test_a_query_that_cannot_be_stored_is_refused_by_its_parameter(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/notes", params={"first": "1", "near": "a\0"})

    assert (answer.status_code, answer.json()["field"]) == (422, "/near")


async def test_stored_answers_are_sealed(plumbing: Plumbing, client: httpx.AsyncClient) -> None:
    await client.post("/notes", json={"note": "secret-42"}, headers={"Idempotency-Key": "k1"})

    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        [row] = await session.scalars(select(IdempotencyRow))
    assert row.body is not None
    assert b"secret-42" not in row.body


@pytest.mark.parametrize("key", ["", '""', "k" * 256, "tab\there"])
async def test_g3_a_malformed_key_is_refused(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post("/notes", json={"note": "a"}, headers={"Idempotency-Key": key})

    assert answer.status_code == 422
    assert answer.json()["field"] == "/Idempotency-Key"


async def test_malformed_input_names_the_field_and_not_the_value(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/notes", json={"note": 13800138000})

    assert answer.status_code == 422
    assert (answer.json()["title"], answer.json()["field"]) == (HTTPStatus(422).phrase, "/note")
    assert answer.json()["errors"] == [
        {"detail": "Input should be a valid string", "pointer": "#/note"}
    ]
    assert "13800138000" not in answer.text


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"note": '])
async def test_a_body_that_is_no_json_is_malformed(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/notes", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(64):
            read += 1
            yield b" " * (1024 * 1024)

    declared = await client.post("/notes", json={"note": "x" * (2 * 1024 * 1024)})
    streamed = await client.post("/notes", content=chunks())

    for answer in (declared, streamed):
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert read == 3


async def test_g2_a_role_without_the_right_is_refused_and_changes_nothing(
    plumbing: Plumbing, client: httpx.AsyncClient
) -> None:
    answer = await client.post(
        "/notes", json={"note": "a"}, headers=bearer(plumbing.brand_id, role=Role.ANALYST)
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert await notes(plumbing) == []


async def test_g2_without_a_credential_there_is_a_challenge(client: httpx.AsyncClient) -> None:
    answer = await client.post("/notes", json={"note": "a"}, headers={"Authorization": ""})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_request_id_is_kept_and_an_unusable_one_replaced(
    client: httpx.AsyncClient,
) -> None:
    kept = await client.post("/notes", json={"note": "a"}, headers={"X-Request-Id": "req-12345678"})
    replaced = await client.post("/notes", json={"note": "a"}, headers={"X-Request-Id": "x"})

    assert kept.headers["x-request-id"] == "req-12345678"
    assert len(replaced.headers["x-request-id"]) == 36


async def test_a_database_that_is_away_is_no_bug_and_the_next_request_works(
    plumbing: Plumbing, client: httpx.AsyncClient
) -> None:
    await client.post("/notes", json={"note": "before"})
    await _end_backends(plumbing)

    answers = [await client.post("/notes", json={"note": "after"}) for _ in range(3)]

    assert answers[0].status_code == 503
    assert answers[0].json()["code"] == "unavailable"
    assert answers[0].headers["retry-after"] == "1"
    assert [answer.status_code for answer in answers[1:]] == [201, 201]


async def _end_backends(plumbing: Plumbing) -> None:
    connection = await asyncpg.connect(plumbing.urls.app)
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user "
        "and datname = current_database() and pid <> pg_backend_pid()"
    )
    await connection.close()
