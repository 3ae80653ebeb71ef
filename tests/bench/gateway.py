"""Rows of the gateway: its GraphQL against the same fetches merged by hand.

Processes on loopback: services that answer fixed bytes; the gateway as it is served (token, limits,
request log, metrics); the same with traces sent to a collector; the same without all that; and a
bare server that fetches the same answers and merges them without GraphQL.
"""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from deploy.local.process import find_free_port
from tests.bench.gateway_answers import ALIASES, LEADS, LIST, ONE, Brand
from tests.bench.gateway_servers import (
    gateway_environment,
    serve_bare_gateway,
    serve_gateway,
    serve_merge,
)
from tests.bench.load import ask, request, send_many, serve_fixed
from tests.bench.rounds import Work, alternate, cores, process, until_open
from tests.bench.row import Options, Result, Row, compare

MERGE = Row("gw-merge", "a page of 50 leads: gateway as served, three fetches + merge", 0.7, 1.15)
GUARDED = Row(
    "gw-guarded", "the same page: token, limits, traces and metrics on, all off", 0.7, 0.85
)
ONE_LEAD = Row("gw-one", "one lead, its seller and store: gateway, three fetches + merge")
ALIAS = Row("gw-alias", f"{ALIASES} leads by alias: gateway, one fetch by ids + merge")
ROWS = (MERGE, GUARDED, ONE_LEAD, ALIAS)

_WARM_UP = 300


async def measure(options: Options, wanted: Collection[str]) -> list[Result]:
    results = []
    brand = Brand()
    if {MERGE.id, GUARDED.id} & set(wanted):
        body = orjson.dumps({"query": LIST, "variables": {"first": LEADS}})
        names = ["served", "merge"]
        if GUARDED.id in wanted:
            names += ["traced", "bare"]
        samples, told = await _measure(options, brand.answers, body, "/list", brand, names)
        results.append(compare(MERGE, samples["served"], samples["merge"], told))
        if GUARDED.id in wanted:
            results.append(compare(GUARDED, samples["traced"], samples["bare"]))
    names = ["served", "merge"]
    if ONE_LEAD.id in wanted:
        lead = brand.leads[0]
        body = orjson.dumps({"query": ONE, "variables": {"id": lead["id"]}})
        samples, told = await _measure(
            options, brand.answers_for([lead]), body, "/one", brand, names
        )
        results.append(compare(ONE_LEAD, samples["served"], samples["merge"], told))
    if ALIAS.id in wanted:
        body = orjson.dumps({"query": brand.alias()})
        samples, told = await _measure(
            options, brand.answers_for(brand.leads[:ALIASES]), body, "/alias", brand, names
        )
        results.append(compare(ALIAS, samples["served"], samples["merge"], told))
    return [one for one in results if one.row.id in wanted]


async def _measure(
    options: Options,
    answers: Mapping[str, bytes],
    body: bytes,
    path: str,
    brand: Brand,
    names: Sequence[str],
) -> tuple[dict[str, Any], str]:
    """The samples of each side by name, and the size of the answer."""
    server, load = cores()
    ids = [lead["id"] for lead in brand.leads[:ALIASES]]
    ports = {name: find_free_port() for name in ("services", *names)}
    upstream = f"http://127.0.0.1:{ports['services']}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment, token = gateway_environment(folder, upstream)
        collector = {"/v1/traces": b""}
        stack.enter_context(
            process(serve_fixed, ports["services"], {**answers, **collector}, on=load)
        )
        await until_open(ports["services"])
        targets = {
            "served": (serve_gateway, environment),
            "traced": (serve_gateway, {**environment, "GATEWAY_OTLP_ENDPOINT": upstream}),
            "bare": (serve_bare_gateway, environment),
        }
        pids: dict[str, int] = {}
        for name in names:
            if name == "merge":
                started = process(serve_merge, ports[name], upstream, ids, on=server)
            else:
                serve, settings = targets[name]
                settings = {**settings, "GATEWAY_PORT": str(ports[name])}
                started = process(serve, settings, on=server)
            pids[name] = stack.enter_context(started)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        messages = {
            name: request("POST", path if name == "merge" else "/graphql", body, headers)
            for name in names
        }
        found: dict[str, bytes] = {}
        for name in names:
            await until_open(ports[name])
            await send_many(ports[name], [messages[name]], _WARM_UP)
            found[name] = await ask(ports[name], messages[name])
        if len(set(found.values())) != 1:
            raise RuntimeError(f"the sides do not answer the same bytes: {found}")
        sides = {
            name: ([pids[name]], _load(ports[name], messages[name], options)) for name in names
        }
        samples = await alternate(sides, options.rounds)
        return samples, f"{len(found['merge'])} bytes of answer, equal on all sides"


def _load(port: int, message: bytes, options: Options) -> Work:
    async def send() -> list[float]:
        return await send_many(port, [message], options.requests)

    return send
