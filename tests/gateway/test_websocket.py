"""graphql-transport-ws by its protocol text: messages, their order, close codes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway.edge import websocket as edge
from gateway.edge.documents import document_id
from gateway.settings import Settings
from tests.gateway.conftest import MakeToken
from tests.gateway.streams import receive, serve_on_socket, websocket

TYPENAME = {"query": "{ __typename }"}
OFFERS = {"query": "subscription { offers { id } }"}
KNOWN = "query Known { __typename }"


@pytest.fixture
async def url(
    settings: Settings, tmp_path: Path, free_port: Callable[[], int]
) -> AsyncIterator[str]:
    path = tmp_path / "documents.json"
    path.write_text(json.dumps({document_id(KNOWN): KNOWN}))
    trusting = settings.model_copy(update={"trusted_documents_file": path})
    async with serve_on_socket(trusting, free_port()) as address:
        yield address


@pytest.fixture
async def socket(url: str, make_token: MakeToken, brand: str) -> AsyncIterator[ClientConnection]:
    async with acknowledged(url, make_token(brand=brand)) as opened:
        yield opened


@asynccontextmanager
async def acknowledged(url: str, token: str) -> AsyncIterator[ClientConnection]:
    async with websocket(url, {"authorization": f"Bearer {token}"}) as opened:
        assert await receive(opened) == {"type": "connection_ack"}
        yield opened


async def close_code(socket: ClientConnection) -> int | None:
    async with asyncio.timeout(10):
        await socket.wait_closed()
    return socket.close_code


def subscribe(payload: object, id: object = "1") -> dict[str, Any]:
    return {"type": "subscribe", "id": id, "payload": payload}


MISSHAPEN: list[str | bytes] = [
    "{",
    "[]",
    '"subscribe"',
    "5",
    "null",
    "{}",
    '{"type": "start"}',
    '{"type": ["ping"]}',
    '{"type": "ping", "payload": "x"}',
    '{"type": "complete"}',
    '{"type": "connection_ack"}',
    b'{"type": "ping"}',
    b"\xff\xfe",
    json.dumps({"type": "subscribe", "payload": TYPENAME}),
    json.dumps(subscribe(TYPENAME, id=7)),
    json.dumps(subscribe(TYPENAME, id="")),
    json.dumps(subscribe(TYPENAME, id=["1"])),
    json.dumps({"type": "subscribe", "id": "1"}),
    json.dumps(subscribe({})),
    json.dumps(subscribe("{ __typename }")),
    json.dumps(subscribe({"query": 5})),
    json.dumps(subscribe({**TYPENAME, "variables": []})),
    json.dumps(subscribe({**TYPENAME, "operationName": 5})),
    json.dumps(subscribe({**TYPENAME, "extensions": "x"})),
]


async def test_g4_a_message_of_another_shape_closes_with_4400(
    url: str, make_token: MakeToken, brand: str
) -> None:
    codes = {}
    for message in MISSHAPEN:
        async with acknowledged(url, make_token(brand=brand)) as socket:
            await socket.send(message)
            codes[message] = await close_code(socket)

    assert codes == dict.fromkeys(MISSHAPEN, 4400)


async def test_g4_an_operation_before_the_acknowledgement_closes_with_4401(url: str) -> None:
    address = url.replace("http:", "ws:") + "/graphql"
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        await socket.send(json.dumps(subscribe(TYPENAME)))

        assert await close_code(socket) == 4401


@pytest.mark.parametrize("protocols", [None, [Subprotocol("graphql-ws")]])
async def test_g4_another_subprotocol_closes_with_4406(
    url: str, protocols: list[Subprotocol] | None
) -> None:
    address = url.replace("http:", "ws:") + "/graphql"
    async with connect(address, subprotocols=protocols) as socket:
        assert await close_code(socket) == 4406


async def test_g4_a_silent_client_is_closed_with_4408(
    settings: Settings, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "_INIT_SECONDS", 0.2)
    async with serve_on_socket(settings, free_port()) as url:
        address = url.replace("http:", "ws:") + "/graphql"
        async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
            assert await close_code(socket) == 4408


async def test_g4_an_id_in_use_closes_with_4409(socket: ClientConnection) -> None:
    await socket.send(json.dumps(subscribe(OFFERS)))
    await socket.send(json.dumps(subscribe(OFFERS)))

    assert await close_code(socket) == 4409


async def test_g4_an_id_is_free_again_after_either_side_completed_it(
    socket: ClientConnection,
) -> None:
    await socket.send(json.dumps(subscribe(OFFERS)))
    await socket.send(json.dumps({"type": "complete", "id": "1"}))
    await socket.send(json.dumps(subscribe(TYPENAME)))
    first = [await receive(socket), await receive(socket)]
    await socket.send(json.dumps(subscribe(TYPENAME)))
    again = [await receive(socket), await receive(socket)]

    assert [message["type"] for message in first] == ["next", "complete"]
    assert again == first


async def test_g4_a_second_initialisation_closes_with_4429(socket: ClientConnection) -> None:
    await socket.send(json.dumps({"type": "connection_init"}))

    assert await close_code(socket) == 4429


async def test_g4_a_ping_is_answered_also_before_the_acknowledgement(url: str) -> None:
    address = url.replace("http:", "ws:") + "/graphql"
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        await socket.send(json.dumps({"type": "ping", "payload": None}))

        assert await receive(socket) == {"type": "pong"}


async def test_g4_what_cannot_run_is_one_error_and_the_connection_lives(
    socket: ClientConnection,
) -> None:
    await socket.send(json.dumps(subscribe({"query": "{ nope }"})))
    refused = await receive(socket)
    await socket.send(json.dumps(subscribe(TYPENAME)))
    after = await receive(socket)

    assert (refused["type"], refused["id"]) == ("error", "1")
    assert [error["extensions"]["code"] for error in refused["payload"]] == ["invalid_document"]
    assert after["type"] == "next"


async def test_g4_a_trusted_document_runs_by_its_id_on_a_websocket(
    socket: ClientConnection,
) -> None:
    await socket.send(json.dumps(subscribe({"documentId": document_id(KNOWN)})))
    known = [await receive(socket), await receive(socket)]
    await socket.send(json.dumps(subscribe({"documentId": document_id("{ __typename }")})))
    unknown = await receive(socket)

    assert known[0]["payload"] == {"data": {"__typename": "Query"}}
    assert unknown["type"] == "error"
    assert unknown["payload"][0]["extensions"] == {"code": "unknown_document"}
