"""Lists and by-ids reads take their parameters the short way."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.responses import Response

from shared.web.bodies import take_body

Solve = Callable[[Request, Mapping[str, str], Any], Awaitable[dict[str, Any]]]


class _Unusual(Exception):
    """What the short way leaves to FastAPI: a value that does not fit, a name given twice."""


class ReadRoute(APIRoute):
    """Route class of a router whose routes only read and return a Response.

    FastAPI looks at the types of all parameters anew with every request, which costs as much as
    reading the page. Here they are looked at once. Whatever is unusual, every refusal of input
    among it, is left to FastAPI, so that answers are the same.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        ordinary = super().get_route_handler()
        dependant = self.dependant
        endpoint = dependant.call
        if endpoint is None or not _is_plain(dependant):
            return ordinary
        solve = _solver(dependant)
        takes_body = bool(dependant.body_params)

        async def handle(request: Request) -> Response:
            if takes_body:
                await take_body(request)
            try:
                body = await _json_body(request) if takes_body else None
                values = await solve(request, _query(request), body)
            except _Unusual:
                return await ordinary(request)
            answer: Response = await endpoint(**values)
            return answer

        return handle


def _is_plain(dependant: Dependant) -> bool:
    """Whether it takes nothing but the request, query parameters, one body and its like."""
    others = (
        dependant.path_params,
        dependant.header_params,
        dependant.cookie_params,
        dependant.response_param_name,
        dependant.background_tasks_param_name,
        dependant.http_connection_param_name,
        dependant.security_scopes_param_name,
        dependant.body_params[1:],
    )
    return not any(others) and all(
        # one without a name is there for its refusals alone
        one.name is not None and _is_plain(one)
        for one in dependant.dependencies
    )


def _solver(dependant: Dependant) -> Solve:
    below = [
        (one.name, one.call, _solver(one))
        for one in dependant.dependencies
        if one.name is not None and one.call is not None
    ]
    queries = [
        (field.name, field.alias, field.validate, field.get_default())
        for field in dependant.query_params
    ]
    required = {field.alias for field in dependant.query_params if field.field_info.is_required()}
    bodies = [(field.name, field.validate) for field in dependant.body_params]
    request_name = dependant.request_param_name

    async def solve(request: Request, query: Mapping[str, str], body: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, call, solve_below in below:
            values[name] = await call(**await solve_below(request, query, body))
        for name, alias, validate, default in queries:
            given = query.get(alias)
            if given is not None:
                values[name] = _valid(validate, given)
            elif alias in required:
                raise _Unusual
            else:
                values[name] = default
        for name, validate in bodies:
            values[name] = _valid(validate, body)
        if request_name is not None:
            values[request_name] = request
        return values

    return solve


def _valid(validate: Callable[[Any], tuple[Any, list[Any]]], given: Any) -> Any:
    try:
        value, errors = validate(given)
    except ValidationError as error:
        raise _Unusual from error
    if errors:
        raise _Unusual
    return value


def _query(request: Request) -> Mapping[str, str]:
    raw = request.scope["query_string"]
    if not raw:
        return {}
    pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True)
    query = dict(pairs)
    if len(query) != len(pairs):
        raise _Unusual
    return query


async def _json_body(request: Request) -> Any:
    if request.headers.get("content-type") != "application/json":
        raise _Unusual
    try:
        return orjson.loads(await request.body())
    except ValueError as error:
        raise _Unusual from error
