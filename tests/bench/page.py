"""Rows of the read endpoints that the gateway calls, each as the whole service answers it.

The other side is what people usually write (`page_usual.py`): FastAPI with a pydantic response
model over ORM objects, on the same tables, with the same token and row-level security, and without
the request log, metrics and traces that the services have. Both answer with the same JSON.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from typing import Any

import orjson

from deploy.local.process import find_free_port
from shared.ids import typed, uuid7
from tests.bench.installation import Installation, brand_admin, installed
from tests.bench.load import ask, request, send_many
from tests.bench.page_usual import serve_usual
from tests.bench.rounds import Work, alternate, cores, process, until_open
from tests.bench.row import Options, Result, Row, compare

LEADS = 50
STORED = 5_000

PAGE = Row("page", f"a page of {LEADS} leads: lead_svc, FastAPI + ORM + pydantic", 3, 5)
BY_IDS = Row("leads-by-ids", f"{LEADS} leads by ids: lead_svc, FastAPI + ORM + pydantic")
ROWS = (PAGE, BY_IDS)

_WARM_UP = 100
_LEADS = """insert into lead (
        id, brand_id, version, connection_id, source, source_lead_id, receipt_id, status,
        submitted_at, captured_at, contact_id, city, product, keyword, channel_code, score, grade,
        score_reasons, post_id, account_id, campaign_id, origin_unit_id, unit_id, staff_id,
        offer_id, attempts)
    select uuidv7(), $1, 4, $2, 'douyin', 'form-' || n, uuidv7(), 'offered', now(), now(), uuidv7(),
    '上海', '星驰E5', '试驾', 'C1', 72, 'A', $3, uuidv7(), uuidv7(), $2, uuidv7(), uuidv7(),
    uuidv7(), uuidv7(), 1 from generate_series(1, $4::int) n"""
_REASONS = [
    {"rule": "phone", "points": 30, "because": "留了电话"},
    {"rule": "city", "points": 10, "because": "同城"},
]


async def measure(options: Options, wanted: Collection[str]) -> list[Result]:
    async with installed("lead") as installation:
        return await _leads(installation, options, wanted)


async def _leads(
    installation: Installation, options: Options, wanted: Collection[str]
) -> list[Result]:
    caller = brand_admin()
    database = await installation.connect("lead")
    await database.execute(
        _LEADS, caller.brand_id, uuid7(), orjson.dumps(_REASONS).decode(), STORED
    )
    await database.execute("vacuum analyze lead")
    newest = await database.fetch("select id from lead order by id desc limit $1", LEADS)
    await database.close()
    ids = orjson.dumps({"ids": [typed("lead", row["id"]) for row in newest]})

    def message_of(row: Row) -> bytes:
        """With a token of its own, as the gateway's last a minute or two."""
        headers = {"authorization": f"Bearer {installation.token(caller)}"}
        if row is PAGE:
            return request("GET", f"/leads?first={LEADS}", headers=headers)
        headers["content-type"] = "application/json"
        return request("POST", "/leads/by-ids", ids, headers)

    return await _measure(
        installation, [row for row in ROWS if row.id in wanted], message_of, options
    )


async def _measure(
    installation: Installation,
    rows: Sequence[Row],
    message_of: Callable[[Row], bytes],
    options: Options,
) -> list[Result]:
    results = []
    pid, port = await installation.start("lead")
    usual = find_free_port()
    with ExitStack() as stack:
        arguments = (usual, installation.urls["lead"].app, installation.settings.key_dir)
        other = stack.enter_context(process(serve_usual, *arguments, on=cores()[0]))
        await until_open(usual)
        for row in rows:
            found: list[Any] = []
            for each in (port, usual):
                await send_many(each, [message_of(row)], _WARM_UP)
                found.append(orjson.loads(await ask(each, message_of(row))))
            if _plain(found[0]) != _plain(found[1]) or len(found[0]["items"]) != LEADS:
                raise RuntimeError(f"{row.id}: the sides do not answer the same: {found}")
            sides = {
                "ours": ([pid, installation.postgres_pid], _load(port, row, message_of, options)),
                "usual": (
                    [other, installation.postgres_pid],
                    _load(usual, row, message_of, options),
                ),
            }
            samples = await alternate(sides, options.rounds)
            size = len(orjson.dumps(found[0]))
            results.append(compare(row, samples["ours"], samples["usual"], f"{size} bytes"))
    return results


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """By-ids answers come in any order; instants are written with +00:00 or Z."""
    items = sorted(answer["items"], key=lambda item: str(item["id"]))
    text = orjson.dumps({**answer, "items": items}).decode()
    return dict(orjson.loads(text.replace("+00:00", "Z")))


def _load(port: int, row: Row, message_of: Callable[[Row], bytes], options: Options) -> Work:
    async def send() -> list[float]:
        return await send_many(port, [message_of(row)], options.requests)

    return send
