"""What has an id can be asked for by it, by its own brand alone."""

import pytest

from tests.account_svc.making import Api

RULE = {"trigger": "lead_accepted", "amount": 1, "currency": "points"}
KEY = {"name": "SCRM", "role": "scrm", "scopes": ["lead.read"]}
UNITS = b"code,parent_code,kind,name\nR1,,region,East\n"


async def fill(api: Api) -> None:
    await api.post("/incentive-rules", RULE)
    await api.post("/api-keys", KEY)
    await api.request("POST", "/imports/units", content=UNITS, headers={"Content-Type": "text/csv"})


@pytest.mark.parametrize("path", ["/incentive-rules", "/api-keys", "/imports"])
async def test_g1_a_row_is_found_by_its_id_and_only_by_its_brand(
    api: Api, other_api: Api, path: str
) -> None:
    await fill(api)
    [row] = (await api.get(path))["items"]

    assert await api.by_ids(path, row["id"]) == {"items": [row], "missing": []}
    assert await other_api.by_ids(path, row["id"]) == {"items": [], "missing": [row["id"]]}
