"""How files are read and runs are kept: cut, broken and repeated ones."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from starlette.requests import ClientDisconnect

from account_svc.models import AccountFacts, Domain, Seat
from account_svc.use_cases.accounts import register_account
from shared.access import Role
from shared.database import brand_session
from shared.events.account import AccountStatus, Platform
from shared.ids import typed, uuid7
from tests.account_svc.importing import (
    ACCOUNTS,
    STAFF,
    TREE,
    UNITS,
    counts,
    load,
    problems,
    send,
)
from tests.account_svc.making import Api
from tests.caller import Json, uuid_of


async def test_a1_json_lines_are_read_too(api: Api) -> None:
    rows = [
        {"code": "EAST", "kind": "region", "name": "华东"},
        {"code": "S1", "parent_code": "EAST", "kind": "store", "name": "店", "latitude": 31.2},
    ]
    content = "\n".join(json.dumps(row) for row in rows) + '\n{"code": \n[]\n{"color": 1}\n'

    report = await load(api, "units", content, media_type="application/jsonl")

    assert counts(report) == (5, 2, 0, 0, 3)
    assert problems(report)[:2] == [(3, ""), (4, "")]
    assert {line for line, _ in problems(report)} == {3, 4, 5}


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("", "/header"),
        ("code,kind,name,color\n", "/color"),
        ("code,kind\n", "/name"),
        ("code,code,kind,name\n", "/code"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_as_a_whole(
    api: Api, content: str, field: str
) -> None:
    answer = await send(api, "units", content)

    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
        422,
        "file_refused",
        field,
    )
    assert (await api.get("/imports"))["items"][0]["status"] == "refused"


async def test_a_file_of_another_kind_is_refused(api: Api) -> None:
    answer = await send(api, "units", TREE, media_type="application/pdf")

    assert (answer.status_code, answer.json()["field"]) == (422, "/Content-Type")
    assert (await api.get("/imports"))["items"] == []


async def test_a_quote_that_never_closes_spoils_its_own_line_only(api: Api) -> None:
    content = UNITS + 'S1,,store,"店一,,,,,,\n' + 'S2,,store,"店,二",,,,,,\n'

    report = await load(api, "units", content)

    assert (counts(report), problems(report)) == ((2, 1, 0, 0, 1), [(2, "")])
    assert (await api.get("/units", q="S2"))["items"][0]["name"] == "店,二"


async def test_an_endless_line_is_refused_and_the_next_one_read(api: Api) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield UNITS.encode()
        for _ in range(10):
            yield b"x" * 20_000
        yield "\nS2,,store,店二,,,,,,\n".encode()

    report = await load(api, "units", chunks())

    assert (counts(report), problems(report)) == ((2, 1, 0, 0, 1), [(2, "")])


async def test_lines_may_be_cut_anywhere_by_the_network(api: Api) -> None:
    content = ("\ufeff" + TREE).replace("\n", "\r\n").encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 7):
            yield content[start : start + 7]

    assert counts(await load(api, "units", chunks())) == (2, 2, 0, 0, 0)


async def test_text_that_is_not_utf8_is_refused_by_line(api: Api) -> None:
    content = UNITS.encode() + "S1,,store,店,,,,,,\n".encode("gbk") + b"S2,,store,x,,,,,,\n"

    report = await load(api, "units", content)

    assert (counts(report), problems(report)) == ((2, 1, 0, 0, 1), [(2, "")])


@pytest.mark.parametrize("charset", ["gbk", "GB2312", '"gb18030"'])
async def test_a1_a_file_of_a_spreadsheet_may_say_its_encoding(api: Api, charset: str) -> None:
    content = (UNITS + "S1,,store,华东一店,,,,,,\n").encode("gbk")

    report = await load(api, "units", content, media_type=f"text/csv; charset={charset}")

    assert counts(report) == (1, 1, 0, 0, 0)
    assert (await api.get("/units", q="S1"))["items"][0]["name"] == "华东一店"


@pytest.mark.parametrize(
    ("media_type", "content", "field", "reason"),
    [
        (
            "text/csv",
            "编号,kind,name\n".encode("gbk"),
            "/header",
            "the header line cannot be read: not UTF-8",
        ),
        ("text/csv; charset=latin1", TREE.encode(), "/Content-Type", "the charset is none of"),
        ("application/jsonl; charset=gbk", b"{}", "/Content-Type", "the charset is none of utf-8"),
    ],
)
async def test_an_encoding_that_is_not_known_is_refused(
    api: Api, media_type: str, content: bytes, field: str, reason: str
) -> None:
    answer = await send(api, "units", content, media_type=media_type)

    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert reason in answer.json()["detail"]


async def test_a1_progress_can_be_read_while_the_file_arrives(api: Api) -> None:
    import_id = typed("import", uuid7())
    await load(api, "units", TREE)
    seen: list[Json] = []

    async def chunks() -> AsyncIterator[bytes]:
        yield STAFF.encode()
        yield "".join(f"K{n},SH001,某人,,,,,,,\n" for n in range(1_001)).encode()
        seen.append(await api.get(f"/imports/{import_id}"))
        yield "K9999,SH001,某人,,,,,,,\n".encode()

    report = await load(api, "staff", chunks(), params={"id": import_id})

    assert (seen[0]["status"], counts(seen[0])) == ("running", (1_000, 1_000, 0, 0, 0))
    assert (report["id"], counts(report)) == (import_id, (1_002, 1_002, 0, 0, 0))
    assert await api.get(f"/imports/{import_id}") == report


async def test_a1_an_import_that_broke_off_is_completed_by_sending_it_again(api: Api) -> None:
    await load(api, "units", TREE)
    rows = "".join(f"K{n},SH001,某人,,,,,,,\n" for n in range(1_500)).encode()

    async def broken() -> AsyncIterator[bytes]:
        yield STAFF.encode() + rows
        raise ClientDisconnect

    answer = await send(api, "staff", broken())
    assert (answer.status_code, answer.json()["code"]) == (400, "body_broke_off")

    report = await load(api, "staff", STAFF.encode() + rows)

    assert counts(report) == (1_500, 500, 0, 1_000, 0)
    assert len(await api.events("kos.staff")) == 1_500


async def test_a_run_is_not_repeated_under_its_own_id(api: Api) -> None:
    first = await load(api, "units", TREE, key="tree-1")

    again = await load(api, "units", UNITS + "OTHER,,store,店,,,,,,\n", key="tree-1")

    assert again == first
    assert (await api.get("/units", q="OTHER"))["items"] == []


async def test_two_runs_cannot_share_an_id(api: Api) -> None:
    import_id = typed("import", uuid7())
    refusals: list[httpx.Response] = []

    async def chunks() -> AsyncIterator[bytes]:
        yield TREE.encode()
        refusals.append(await send(api, "units", TREE, params={"id": import_id}))

    await load(api, "units", chunks(), params={"id": import_id})

    assert [(answer.status_code, answer.json()["code"]) for answer in refusals] == [
        (409, "import_running")
    ]


async def test_only_head_office_imports(api: Api) -> None:
    answer = await send(api.acting(Role.STORE_MANAGER), "units", TREE)

    assert answer.status_code == 403
    assert len(await api.events()) == 1


async def test_an_import_is_audited_with_its_counts(api: Api) -> None:
    report = await load(api, "units", TREE)

    assert (await api.audited())[-1] == ("test-admin", "import.run", report["id"])


async def test_a_file_for_a_brand_that_does_not_exist_is_refused(api: Api) -> None:
    nobody = replace(api, principal=replace(api.principal, brand_id=uuid7()))

    answer = await send(nobody, "units", TREE)

    assert (answer.status_code, answer.json()["code"]) == (404, "brand_not_found")
    assert (await nobody.get("/imports"))["items"] == []


async def test_a1_an_account_that_somebody_registers_meanwhile_is_found_and_not_refused(
    api: Api,
) -> None:
    await load(api, "units", TREE)
    (store,) = (await api.get("/units", kind="store"))["items"]
    facts = AccountFacts(
        platform=Platform.DOUYIN,
        handle="tea",
        display_name="茶",
        domain=Domain.PUBLIC,
        seat=Seat.KOS,
    )

    async with brand_session(api.sessions, api.brand_id) as session:
        await register_account(
            session,
            api.principal,
            facts,
            unit_id=uuid_of(store["id"]),
            staff_id=None,
            persona_id=None,
            status=AccountStatus.PLANNED,
        )
        row = "douyin,tea,好茶,public,kos,SH001,,,planned\n"
        loading = asyncio.create_task(load(api, "accounts", ACCOUNTS + row))
        await asyncio.sleep(0.3)
        assert not loading.done()
    report = await loading

    assert counts(report) == (1, 0, 1, 0, 0)
    assert [each["display_name"] for each in (await api.get("/accounts"))["items"]] == ["好茶"]
