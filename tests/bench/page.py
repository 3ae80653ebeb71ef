"""Rows of the read endpoints that the gateway calls, each as the whole service answers it.

The other side is what people usually write (`page_usual.py`): FastAPI with a pydantic response
model over ORM objects, on the same tables, with the same token and row-level security, and without
the request log, metrics and traces that the services have. Both answer with the same JSON.
"""

from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import orjson

from deploy.local.databases import Service
from deploy.local.process import find_free_port
from shared.access import Principal
from shared.ids import typed
from tests.bench.installation import Installation, brand_admin, installed
from tests.bench.load import ask, request, send_many
from tests.bench.page_usual import serve_usual
from tests.bench.rounds import Work, alternate, cores, process, until_open
from tests.bench.row import Options, Result, Row, compare

ITEMS = 50
STORED = 5_000
_WARM_UP = 100

# $1 is the brand, $2 how many.
_LEADS = """insert into lead (
        id, brand_id, version, connection_id, source, source_lead_id, receipt_id, status,
        submitted_at, captured_at, contact_id, city, product, keyword, channel_code, score, grade,
        score_reasons, post_id, account_id, campaign_id, origin_unit_id, unit_id, staff_id,
        offer_id, attempts)
    select uuidv7(), $1, 4, $1, 'douyin', 'form-' || n, uuidv7(), 'offered', now(), now(), uuidv7(),
    '上海', '星驰E5', '试驾', 'C1', 72, 'A',
    '[{"rule": "phone", "points": 30, "because": "留了电话"},
      {"rule": "city", "points": 10, "because": "同城"}]',
    uuidv7(), uuidv7(), $1, uuidv7(), uuidv7(),
    uuidv7(), uuidv7(), 1 from generate_series(1, $2::int) n"""
_UNITS = """insert into unit (id, brand_id, version, parent_id, path, kind, code, name, city_code,
        city, latitude, longitude, opens_at, closes_at)
    select id, $1, 1, region, uuid_send($1) || uuid_send(region) || uuid_send(id), 'store',
        'S' || n, '上海' || n || '店', '310100', '上海', 31.23, 121.47, '09:00', '21:00'
    from (select uuidv7() as id, uuidv7() as region, n from generate_series(1, $2::int) n) given"""
_POSTS = """with drafts as (
        insert into draft (id, brand_id, version, campaign_id, account_id, is_planned, status,
            title, text, asset_ids, locked, verdict, findings, pack_version, checked_at, created_at)
        select uuidv7(), $1, 1, $1, uuidv7(), true, 'approved', '试驾', '周末来看新车', '{}', '{}',
            'pass', '[]', '1', now(), now()
        from generate_series(1, $2::int) returning id, account_id)
    insert into post (id, brand_id, version, campaign_id, template_id, draft_id, account_id,
        staff_id, unit_id, platform, status, due_at, next_at, attempts, progress, published_at, url,
        platform_post_id, views, likes, saves, comments, shares, follows, created_at)
    select uuidv7(), $1, 3, $1, $1, id, account_id, uuidv7(), uuidv7(), 'douyin', 'published',
        now(), now(), 1, '{}', now(), 'https://douyin.test/v/' || id, id::text,
        0, 0, 0, 0, 0, 0, now()
    from drafts"""


@dataclass(frozen=True)
class Read:
    """An endpoint on both sides; rows of `table` are put in by `insert`."""

    row: Row
    service: Service
    table: str
    prefix: str
    path: str
    insert: str

    @property
    def is_page(self) -> bool:
        return not self.path.endswith("/by-ids")


def _by_ids(service: Service, table: str, prefix: str, insert: str) -> Read:
    what = f"{ITEMS} {table}s by ids: {service}_svc, FastAPI + ORM + pydantic"
    row = Row(f"{table}s-by-ids", what)
    return Read(row, service, table, prefix, f"/{table}s/by-ids", insert)


PAGE = Row("page", f"a page of {ITEMS} leads: lead_svc, FastAPI + ORM + pydantic", 3, 5)
READS = (
    Read(PAGE, "lead", "lead", "lead", f"/leads?first={ITEMS}", _LEADS),
    _by_ids("lead", "lead", "lead", _LEADS),
    _by_ids("account", "unit", "unit", _UNITS),
    _by_ids("content", "post", "post", _POSTS),
)
ROWS = [read.row for read in READS]


async def measure(options: Options, wanted: Collection[str]) -> list[Result]:
    reads = [read for read in READS if read.row.id in wanted]
    services = list(dict.fromkeys(read.service for read in reads))
    results = []
    async with installed(*services) as installation:
        for service in services:
            mine = [read for read in reads if read.service == service]
            results += await _measure(installation, service, mine, options)
    return results


async def _measure(
    installation: Installation, service: Service, reads: Collection[Read], options: Options
) -> list[Result]:
    caller = brand_admin()
    results = []
    pid, port = await installation.start(service)
    usual = find_free_port()
    with ExitStack() as stack:
        arguments = (usual, service, installation.urls[service].app, installation.settings.key_dir)
        other = stack.enter_context(process(serve_usual, *arguments, on=cores()[0]))
        await until_open(usual)
        ids = await _fill(installation, caller, next(iter(reads)))
        for read in reads:
            found: list[Any] = []
            for each in (port, usual):
                await send_many(each, [_message(installation, caller, read, ids)], _WARM_UP)
                answer = await ask(each, _message(installation, caller, read, ids))
                found.append(orjson.loads(answer))
            if _plain(found[0]) != _plain(found[1]) or len(found[0]["items"]) != ITEMS:
                raise RuntimeError(f"{read.row.id}: the sides do not answer the same: {found}")
            sides = {}
            for name, own, each in (("ours", pid, port), ("usual", other, usual)):
                message = _message(installation, caller, read, ids)
                work = _load(each, message, options.requests)
                sides[name] = ([own, installation.postgres_pid], work)
            samples = await alternate(sides, options.rounds)
            size = len(orjson.dumps(found[0]))
            results.append(compare(read.row, samples["ours"], samples["usual"], f"{size} bytes"))
    return results


async def _fill(installation: Installation, caller: Principal, read: Read) -> list[str]:
    """Store rows of the caller's brand; the ids of the newest."""
    database = await installation.connect(read.service)
    try:
        await database.execute(read.insert, caller.brand_id, STORED)
        await database.execute("vacuum analyze")
        newest = await database.fetch(f"select id from {read.table} order by id desc limit {ITEMS}")
    finally:
        await database.close()
    return [typed(read.prefix, row["id"]) for row in newest]


def _message(installation: Installation, caller: Principal, read: Read, ids: list[str]) -> bytes:
    """With a token of its own, as the gateway's last a minute or two."""
    headers = {"authorization": f"Bearer {installation.token(caller)}"}
    if read.is_page:
        return request("GET", read.path, headers=headers)
    headers["content-type"] = "application/json"
    return request("POST", read.path, orjson.dumps({"ids": ids}), headers)


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """By-ids answers come in any order; instants are written with +00:00 or Z."""
    items = sorted(answer["items"], key=lambda item: str(item["id"]))
    text = orjson.dumps({**answer, "items": items}).decode()
    return dict(orjson.loads(text.replace("+00:00", "Z")))


def _load(port: int, message: bytes, count: int) -> Work:
    async def send() -> list[float]:
        return await send_many(port, [message], count)

    return send
