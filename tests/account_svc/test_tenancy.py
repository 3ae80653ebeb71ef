"""Brands apart in account_svc's own tables, by row-level security alone."""

import httpx
from sqlalchemy import text

from account_svc.models import Base
from shared.database import Sessions, brand_session
from tests.account_svc.making import Api, make_account, make_persona, make_unit

_FILLED = ("brand", "unit", "staff", "account", "account_change", "persona", "incentive_rule")


async def test_g2_another_brand_sees_nothing_even_without_a_filter(
    api: Api, other_api: Api, sessions: Sessions
) -> None:
    await make_account(api)
    await make_persona(api)
    rule = {"trigger": "lead_accepted", "amount": 1, "currency": "points"}
    await api.post("/incentive-rules", rule)

    async def count(brand: Api) -> dict[str, int]:
        async with brand_session(sessions, brand.brand_id) as session:
            return {
                table: await session.scalar(text(f"select count(*) from {table}")) or 0
                for table in Base.metadata.tables
            }

    own, others = await count(api), await count(other_api)
    assert {table: own[table] for table in _FILLED} == dict.fromkeys(_FILLED, 1) | {"unit": 2}
    # the other brand has itself and the root of its tree, and nothing of its neighbour
    assert {table: number for table, number in others.items() if number} == {"brand": 1, "unit": 1}


async def test_g2_a_reference_cannot_reach_into_another_brand(api: Api, other_api: Api) -> None:
    store = await make_unit(other_api)

    problem = await api.refuse("/staff", {"unit_id": store["id"], "code": "K1", "name": "陈晓"})

    assert (problem["code"], problem["field"]) == ("unknown_unit", "/unit_id")


async def test_g2_without_a_credential_nothing_is_read(http: httpx.AsyncClient) -> None:
    for path in ("/units", "/staff", "/accounts", "/ledger", "/race", "/api-keys", "/imports"):
        answer = await http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
