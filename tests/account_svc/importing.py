"""Files for tests of the import, and the reports they come back with."""

from typing import Any

import httpx

from tests.account_svc.making import Api
from tests.caller import Json

UNITS = "code,parent_code,kind,name,city_code,city,latitude,longitude,opens_at,closes_at\n"
STAFF = (
    "code,unit_code,name,phone,is_seller,open_lead_capacity,skills,product_lines,languages,tier\n"
)
ACCOUNTS = "platform,handle,display_name,domain,seat,unit_code,staff_code,persona_kind,status\n"

TREE = (
    UNITS
    + "SH001,EAST,store,南京西路店,310000,上海,31.23,121.46,10:00,22:00\n"
    + "EAST,,region,华东大区,,,,,,\n"
)
PEOPLE = (
    STAFF
    + "K1,SH001,陈晓,13800138000,true,15,tea;latte,milk_tea,zh;en,star\n"
    + "K2,SH001,王芳,,,,,,,\n"
)


async def send(api: Api, kind: str, content: Any, **options: Any) -> httpx.Response:
    headers = {"content-type": options.pop("media_type", "text/csv")}
    if isinstance(content, str):
        content = content.encode()
    return await api.request(
        "POST", f"/imports/{kind}", content=content, headers=headers, **options
    )


async def load(api: Api, kind: str, content: Any, **options: Any) -> Json:
    answer = await send(api, kind, content, **options)
    assert answer.status_code == 201, answer.text
    report: Json = answer.json()
    return report


def counts(report: Json) -> tuple[int, int, int, int, int]:
    """Read, added, changed, unchanged, refused."""
    names = ("read", "added", "changed", "unchanged", "refused")
    read, added, changed, unchanged, refused = (report[f"rows_{name}"] for name in names)
    return read, added, changed, unchanged, refused


def problems(report: Json) -> list[tuple[int, str]]:
    return [(problem["line"], problem["field"]) for problem in report["problems"]]
