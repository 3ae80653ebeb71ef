"""Reads that take the short way answer as FastAPI's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from shared.ids import LeadId
from shared.web import BodyRoute, ByIds, CursorQuery, ReadRoute, create_app, json_response

LEAD = "lead_01k8000000e008000000001mt0"


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


async def caller(request: Request) -> str:
    return request.headers.get("x-caller", "nobody")


async def refuse() -> None:
    raise HTTPException(403)


@asynccontextmanager
async def nothing(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    yield {}


def router_of(route_class: type[APIRoute]) -> APIRouter:
    router = APIRouter(route_class=route_class)

    @router.get("/things")
    async def list_things(
        request: Request,
        cursor: CursorQuery,
        who: Annotated[str, Depends(caller)],
        near: LeadId | None = None,
        colour: Colour | None = None,
        size: Annotated[int, Query(ge=1, le=9)] = 3,
    ) -> Response:
        told: dict[str, Any] = {"path": request.url.path, "who": who, "near": near}
        return json_response(
            told | {"colour": colour, "size": size, "first": cursor.first, "after": cursor.after}
        )

    @router.get("/needy")
    async def get_needy(word: str) -> Response:
        return json_response({"word": word})

    @router.post("/things/by-ids")
    async def get_things(body: ByIds, who: Annotated[str, Depends(caller)]) -> Response:
        return json_response({"ids": body.ids, "who": who})

    @router.get("/things/{name}")
    async def get_thing(name: str) -> Response:
        return json_response({"name": name})

    @router.get("/secret", dependencies=[Depends(refuse)])
    async def get_secret() -> Response:
        return json_response({"secret": True})

    return router


def application(route_class: type[APIRoute]) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(router_of(route_class))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/things", ""),
        ("/things", f"near={LEAD}&colour=blue&size=9&first=7"),
        ("/things", "colour=green"),
        ("/things", "size=10"),
        ("/things", "size="),
        ("/things", "first=0"),
        ("/things", "near=lead_1"),
        ("/things", "colour=red&colour=blue"),
        ("/things", "unknown=1&size=%34"),
        ("/things", "after=bm90IGEgY3Vyc29y"),
        ("/things", "near=%00"),
        ("/needy", ""),
        ("/needy", "word=a+b%20c%E4%B8%AD"),
        ("/needy", "word="),
        ("/things/x", "size=10"),
        ("/secret", ""),
    ],
)
async def test_g1_a_query_is_read_as_the_framework_reads_it(path: str, query: str) -> None:
    answers = []
    for route_class in (ReadRoute, APIRoute):
        async with application(route_class) as client:
            try:
                answer = await client.get(f"{path}?{query}", headers={"x-caller": "me"})
                answers.append((answer.status_code, answer.content))
            except Exception as error:
                answers.append((0, repr(error).encode()))

    assert answers[0] == answers[1]


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", None])
@pytest.mark.parametrize(
    "body",
    [
        b'{"ids": ["a", "b"]}',
        b'{"ids": "a"}',
        b'{"ids": [1]}',
        b"{}",
        b"[]",
        b"",
        b"{",
        b"null",
        b'{"ids": [], "more": 1}',
    ],
)
async def test_g1_a_body_is_read_as_the_framework_reads_it(
    body: bytes, media_type: str | None
) -> None:
    answers = []
    headers = {} if media_type is None else {"content-type": media_type}
    for route_class in (ReadRoute, APIRoute):
        async with application(route_class) as client:
            answer = await client.post("/things/by-ids", content=body, headers=headers)
            answers.append((answer.status_code, answer.content))

    assert answers[0] == answers[1]


@pytest.mark.parametrize("route_class", [ReadRoute, BodyRoute])
async def test_a_text_that_cannot_be_stored_is_refused_where_it_is(
    route_class: type[APIRoute],
) -> None:
    app = create_app("test", lifespan=nothing, checks={})
    app.include_router(router_of(route_class))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as client:
        answer = await client.post("/things/by-ids", json={"ids": ["a", "b\0"]})

    assert (answer.status_code, answer.json()["field"]) == (422, "/ids/1")
