"""How near the gateway comes to the bare work: a page of 50 leads with sellers and stores.

    python tests/bench/gateway_list.py [--rounds 3] [--requests 1500]

Three processes on loopback: services that answer fixed bytes; the gateway as it is served (token,
limits, request log, metrics); a bare server that fetches the same three answers and merges them.
Answers are compared before timing; the two take turns, the order is reversed each round. Figures
are CPU (user + system) of the server's process per request, which a busy machine disturbs least,
and their ratio: 1.0 would be a gateway as cheap as three fetches and a merge without GraphQL.
"""

import argparse
import asyncio
import base64
import json
import multiprocessing
import os
import secrets
import statistics
import tempfile
import time
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import psutil
import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from deploy.local.process import find_free_port
from shared.ids import typed, uuid7

LEADS = 50
CONNECTIONS = 16
SERVERS = ("gateway", "merge")

QUERY = """
query Page($first: Int!) {
  leads(first: $first) {
    edges { node {
      id status source sourceLeadId submittedAt capturedAt city product score grade keyword
      channelCode version scoreReasons { rule points because }
      staff { id code name phone tier skills }
      unit { id code name city latitude longitude }
    } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
AT = "2026-11-22T08:00:00Z"


def make_answers() -> dict[str, bytes]:
    """What the services answer, by path."""
    units = [_unit(number) for number in range(20)]
    staff = [_staff(number, units[number % 20]["id"]) for number in range(50)]
    leads = [_lead(number, staff[number], units[number % 20]) for number in range(LEADS)]
    page = {"items": leads, "page": {"has_next": True, "end_cursor": leads[-1]["id"]}}
    return {
        "/lead/leads": orjson.dumps(page),
        "/account/staff/by-ids": orjson.dumps({"items": staff, "missing": []}),
        "/account/units/by-ids": orjson.dumps({"items": units, "missing": []}),
    }


def _unit(number: int) -> dict[str, Any]:
    return {
        "id": typed("unit", uuid7()),
        "parent_id": None,
        "kind": "store",
        "code": f"SH{number:03}",
        "name": f"上海{number}店",
        "city_code": "310100",
        "city": "上海",
        "latitude": 31.23,
        "longitude": 121.47,
        "opens_at": "09:00",
        "closes_at": "21:00",
        "ancestor_ids": [typed("unit", uuid7()) for _ in range(3)],
        "version": 1,
    }


def _staff(number: int, unit_id: str) -> dict[str, Any]:
    return {
        "id": typed("staff", uuid7()),
        "unit_id": unit_id,
        "code": f"S{number:04}",
        "name": "陈*",
        "phone": "138****8000",
        "is_seller": True,
        "open_lead_capacity": 5,
        "skills": ["suv", "ev"],
        "product_lines": ["suv"],
        "languages": ["zh"],
        "tier": "standard",
        "status": "active",
        "absent_from": None,
        "absent_until": None,
        "absence_reason": None,
        "joined_at": AT,
        "departed_at": None,
        "departure_reason": None,
        "version": 1,
    }


def _lead(number: int, staff: dict[str, Any], unit: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": typed("lead", uuid7()),
        "status": "offered",
        "source": "douyin",
        "connection_id": typed("conn", uuid7()),
        "source_lead_id": f"x{number}",
        "contact_id": typed("contact", uuid7()),
        "submitted_at": AT,
        "captured_at": AT,
        "city": "上海",
        "product": "SUV",
        "score": 72,
        "grade": "A",
        "score_reasons": [
            {"rule": "phone", "points": 30, "because": "留了电话"},
            {"rule": "city", "points": 10, "because": "同城"},
        ],
        "post_id": None,
        "account_id": None,
        "campaign_id": None,
        "unit_id": unit["id"],
        "staff_id": staff["id"],
        "keyword": "试驾",
        "channel_code": "C1",
        "offer_id": None,
        "version": 3,
    }


class Fixed:
    """The services: fixed bytes by path."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self.answers = answers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        body = self.answers[scope["path"]]
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Merge:
    """Three fetches, merged into the same answer as the gateway's, without GraphQL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        if self.session is None:
            self.session = aiohttp.ClientSession()
        page = orjson.loads(await self._get("/lead/leads"))
        leads = page["items"]
        staff, units = await asyncio.gather(
            self._by_ids("/account/staff/by-ids", sorted({lead["staff_id"] for lead in leads})),
            self._by_ids("/account/units/by-ids", sorted({lead["unit_id"] for lead in leads})),
        )
        nodes = [merged(lead, staff[lead["staff_id"]], units[lead["unit_id"]]) for lead in leads]
        answer = {
            "data": {
                "leads": {
                    "edges": [{"node": node} for node in nodes],
                    "pageInfo": {
                        "hasNextPage": page["page"]["has_next"],
                        "endCursor": page["page"]["end_cursor"],
                    },
                }
            }
        }
        body = orjson.dumps(answer)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _get(self, path: str) -> bytes:
        assert self.session is not None
        async with self.session.get(self.url + path) as response:
            return await response.read()

    async def _by_ids(self, path: str, ids: list[str]) -> dict[str, dict[str, Any]]:
        assert self.session is not None
        body = orjson.dumps({"ids": ids})
        async with self.session.post(self.url + path, data=body) as response:
            rows = orjson.loads(await response.read())["items"]
        return {row["id"]: row for row in rows}


def merged(lead: dict[str, Any], staff: dict[str, Any], unit: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": lead["id"],
        "status": lead["status"].upper(),
        "source": lead["source"],
        "sourceLeadId": lead["source_lead_id"],
        "submittedAt": lead["submitted_at"],
        "capturedAt": lead["captured_at"],
        "city": lead["city"],
        "product": lead["product"],
        "score": lead["score"],
        "grade": lead["grade"],
        "keyword": lead["keyword"],
        "channelCode": lead["channel_code"],
        "version": lead["version"],
        "scoreReasons": lead["score_reasons"],
        "staff": {name: staff[name] for name in ("id", "code", "name", "phone", "tier", "skills")},
        "unit": {
            name: unit[name] for name in ("id", "code", "name", "city", "latitude", "longitude")
        },
    }


def serve(app: Any, port: int) -> None:
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
    )


def serve_services(port: int, answers: dict[str, bytes]) -> None:
    serve(Fixed(answers), port)


def serve_merge(port: int, upstream: str) -> None:
    serve(Merge(upstream), port)


def serve_gateway(environment: dict[str, str]) -> None:
    """As `python -m gateway`, with its log sent nowhere."""
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    from gateway.__main__ import run  # noqa: PLC0415 - in this process alone
    from gateway.settings import Settings  # noqa: PLC0415

    run(Settings())


def gateway_environment(folder: Path, port: int, upstream: str) -> tuple[dict[str, str], str]:
    """Settings for the gateway's process, and a token that it takes."""
    key = RSAKey.generate_key(2048, {"kid": "bench"})
    (folder / "jwks.json").write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / "service_secret").write_text(secret)
    claims = {
        "iss": "https://issuer.test",
        "aud": "kos",
        "sub": "bench",
        "exp": int(time.time()) + 3600,
        "brand": typed("brand", uuid7()),
        "roles": ["brand_admin"],
    }
    environment = {
        "PORT": str(port),
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "SERVICE_SECRET_FILE": str(folder / "service_secret"),
        "OIDC_ISSUER": "https://issuer.test",
        "OIDC_AUDIENCE": "kos",
        "OIDC_JWKS_FILE": str(folder / "jwks.json"),
        "ACCOUNT_URL": f"{upstream}/account",
        "CONTENT_URL": f"{upstream}/content",
        "LEAD_URL": f"{upstream}/lead",
        "COST_PER_MINUTE": str(10**12),
    }
    token = jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": "bench"}, claims, key)
    return {f"GATEWAY_{name}": value for name, value in environment.items()}, token


async def wait_for(url: str) -> None:
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url) as response:
                    await response.read()
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


async def ask(url: str, token: str, requests: int) -> tuple[bytes, list[float]]:
    """The last answer, and the seconds that each request took."""
    body = orjson.dumps({"query": QUERY, "variables": {"first": LEADS}})
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    seconds: list[float] = []
    answer = b""

    async def send(session: aiohttp.ClientSession) -> None:
        nonlocal answer
        while len(seconds) < requests:
            started = time.perf_counter()
            async with session.post(url, data=body, headers=headers) as response:
                answer = await response.read()
                if response.status != 200:
                    raise RuntimeError(answer[:500])
            seconds.append(time.perf_counter() - started)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(send(session) for _ in range(CONNECTIONS)))
    return answer, seconds


async def measure(
    processes: dict[str, SpawnProcess], urls: dict[str, str], token: str, options: Any
) -> dict[str, Any]:
    answers = {name: orjson.loads((await ask(url, token, 50))[0]) for name, url in urls.items()}
    if answers["gateway"] != answers["merge"]:
        raise RuntimeError("the two do not answer the same")
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in SERVERS}
    for turn in range(options.rounds):
        for name in SERVERS if turn % 2 == 0 else SERVERS[::-1]:
            process = psutil.Process(processes[name].pid)
            before = process.cpu_times()
            _, seconds = await ask(urls[name], token, options.requests)
            after = process.cpu_times()
            cpu = after.user + after.system - before.user - before.system
            seconds.sort()
            figures[name].append(
                (
                    cpu / len(seconds) * 1e6,
                    seconds[len(seconds) // 2] * 1e3,
                    seconds[int(len(seconds) * 0.99)] * 1e3,
                )
            )
    result: dict[str, Any] = {"bytes": len(orjson.dumps(answers["merge"]))}
    for name in SERVERS:
        cpu, middle, slow = (
            statistics.median(column) for column in zip(*figures[name], strict=True)
        )
        result[name] = {"cpu_us": round(cpu), "p50_ms": round(middle, 1), "p99_ms": round(slow, 1)}
    result["gateway_to_merge"] = round(result["merge"]["cpu_us"] / result["gateway"]["cpu_us"], 3)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=1500)
    options = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    ports = {name: find_free_port() for name in ("services", *SERVERS)}
    upstream = f"http://127.0.0.1:{ports['services']}"
    with tempfile.TemporaryDirectory() as folder:
        environment, token = gateway_environment(Path(folder), ports["gateway"], upstream)
        processes = {
            "services": spawn.Process(
                target=serve_services, args=(ports["services"], make_answers())
            ),
            "gateway": spawn.Process(target=serve_gateway, args=(environment,)),
            "merge": spawn.Process(target=serve_merge, args=(ports["merge"], upstream)),
        }
        for process in processes.values():
            process.start()
        try:
            urls = {name: f"http://127.0.0.1:{ports[name]}/graphql" for name in SERVERS}
            for url in (f"{upstream}/lead/leads", *urls.values()):
                asyncio.run(wait_for(url))
            result = asyncio.run(measure(processes, urls, token, options))
        finally:
            for process in processes.values():
                process.terminate()
                process.join(10)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
