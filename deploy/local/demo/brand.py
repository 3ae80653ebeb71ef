"""A car brand of 5 regions, 200 stores and 1,000 sellers, the same on every machine."""

import csv
import io
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SEED = 20261122
BRAND_NAME = "星驰汽车"
INDUSTRY = "auto"
STORES_PER_REGION = 40
SELLERS_PER_STORE = 5
HELD_NAME = "全网最低价小陈"
"""One seller's public name breaks the rule on prices, so the post that carries it is held."""

# city, code of the administrative division (GB/T 2260), latitude, longitude of its centre
_REGIONS: Mapping[str, list[tuple[str, str, float, float]]] = {
    "华东": [("上海", "310000", 31.23, 121.47), ("杭州", "330100", 30.27, 120.16)],
    "华南": [("广州", "440100", 23.13, 113.26), ("深圳", "440300", 22.54, 114.06)],
    "华北": [("北京", "110000", 39.90, 116.41), ("天津", "120000", 39.08, 117.20)],
    "西南": [("成都", "510100", 30.57, 104.07), ("重庆", "500000", 29.56, 106.55)],
    "华中": [("武汉", "420100", 30.59, 114.31), ("长沙", "430100", 28.23, 112.94)],
}
_PLATFORMS = ("douyin", "xiaohongshu", "douyin", "xiaohongshu", "wecom")
# kind, name, tone of voice
PERSONAS = (
    ("shopping_assistant", "选车助手", "亲切、说具体"),
    ("topic_expert", "用车达人", "讲明白、不夸张"),
    ("private_partner", "私人顾问", "有耐心、少打扰"),
)
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚"


@dataclass(frozen=True, slots=True)
class Seller:
    code: str
    store_code: str
    store: str
    city: str
    name: str
    phone: str
    platform: str
    handle: str
    display_name: str
    persona_kind: str


def units() -> list[dict[str, object]]:
    """Rows of the unit import: regions under the brand's root, stores under regions."""
    rows: list[dict[str, object]] = []
    for region, cities in _REGIONS.items():
        rows.append({"code": f"R-{region}", "kind": "region", "name": f"{region}大区"})
        for number in range(STORES_PER_REGION):
            city, city_code, latitude, longitude = cities[number % len(cities)]
            rows.append(
                {
                    "code": f"S-{region}-{number + 1:02}",
                    "parent_code": f"R-{region}",
                    "kind": "store",
                    "name": f"{BRAND_NAME}{city}{number // len(cities) + 1}店",
                    "city_code": city_code,
                    "city": city,
                    "latitude": round(latitude + (number % 7) * 0.02, 4),
                    "longitude": round(longitude + (number % 5) * 0.02, 4),
                }
            )
    return rows


def sellers() -> list[Seller]:
    """Five sellers a store, each with one account."""
    return list(_sellers())


def _sellers() -> Iterator[Seller]:
    rng = random.Random(SEED)
    number = 0
    for store in (row for row in units() if row["kind"] == "store"):
        for place in range(SELLERS_PER_STORE):
            number += 1
            surname = rng.choice(_SURNAMES)
            platform = _PLATFORMS[place]
            is_held = number == 1
            yield Seller(
                code=f"K{number:04}",
                store_code=str(store["code"]),
                store=str(store["name"]),
                city=str(store["city"]),
                name=surname + rng.choice(_GIVEN),
                phone=f"199{number:08}",
                platform=platform,
                handle=f"xc_{platform[:2]}_{number:04}",
                display_name=HELD_NAME if is_held else f"{store['city']}选车顾问小{surname}",
                persona_kind=PERSONAS[place % len(PERSONAS)][0],
            )


def staff_rows(people: list[Seller]) -> list[dict[str, object]]:
    return [
        {
            "code": person.code,
            "unit_code": person.store_code,
            "name": person.name,
            "phone": person.phone,
            "is_seller": "true",
            "open_lead_capacity": 20,
            "product_lines": "星驰E5;星驰S7",
        }
        for person in people
    ]


def account_rows(people: list[Seller]) -> list[dict[str, object]]:
    return [
        {
            "platform": person.platform,
            "handle": person.handle,
            "display_name": person.display_name,
            "domain": "private" if person.platform == "wecom" else "public",
            "seat": "kos",
            "unit_code": person.store_code,
            "staff_code": person.code,
            "persona_kind": person.persona_kind,
            "status": "active",
        }
        for person in people
    ]


def to_csv(rows: list[dict[str, object]]) -> bytes:
    """The rows as an import file; columns that a row lacks stay empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


TEMPLATE_TITLE = "{{city}}看车：{{model}}到店了"
TEMPLATE_BODY = (
    "{{opening}}\n"
    "我是{{store}}的员工{{seller}}，店里新到了{{model}}展车，后排和后备厢都可以自己上手试。\n"
    "[[周末人会多一些，想安静看车可以挑工作日下午。]]\n"
    "{{question}}想了解的朋友在评论区留言，或站内私信我你的城市。"
)
TEMPLATE_SLOTS: list[dict[str, Any]] = [
    {"name": "city", "kind": "city"},
    {"name": "store", "kind": "store"},
    {"name": "seller", "kind": "seller"},
    {"name": "model", "kind": "text"},
    {
        "name": "opening",
        "kind": "choice",
        "choices": [
            "这两天店里在布展，先给大家看看细节。",
            "不少朋友问我新车什么时候能看，今天回复一下。",
            "下班前绕着展车走了一圈，说说我的第一感受。",
            "陪客户看了一上午车，整理几个大家常问的点。",
        ],
    },
    {
        "name": "question",
        "kind": "choice",
        "choices": ["你更在意空间还是补能？", "家里老人坐后排会在意什么？", "通勤一天大概开多远？"],
    },
]
MODEL = "星驰E5"
