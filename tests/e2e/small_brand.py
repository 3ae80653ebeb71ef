"""Brands for these tests: a few stores and sellers each, joined to the sandbox's platforms."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from deploy.local.demo import brand, setup
from deploy.local.demo.brand import Seller
from deploy.local.demo.catching_up import wait_until_caught_up
from deploy.local.demo.client import Client
from deploy.local.settings import StackUrls
from shared.ids import typed, uuid7

REGIONS = (("E", "华东", "上海", "310000"), ("S", "华南", "广州", "440100"))
CAPACITY = 50
PAGE = 100


@dataclass(frozen=True)
class SmallBrand:
    """A brand that is ready to publish and to receive leads; `client` acts as its head office."""

    tag: str
    """Short and different for every brand: part of each name that the sandbox shares."""
    client: Client
    people: list[Seller]
    connections: dict[str, str]
    """Hook connections by platform."""
    staff: dict[str, str]
    """Ids by code."""

    @property
    def handles(self) -> list[str]:
        return [person.handle for person in self.people]

    @property
    def scrm(self) -> str:
        """Name of the brand's subscriber at the sandbox."""
        return f"scrm-{self.tag}"

    @property
    def corp_id(self) -> str:
        return f"wwkose2e{self.tag:0>10}"

    def seller(self, handle: str) -> Seller:
        return next(person for person in self.people if person.handle == handle)

    def seller_token(self, staff_id: str) -> str:
        return self.client.token("kos", staff_id)

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[None]:
        """The demo's building blocks under names of this brand: the sandbox knows one of each."""
        with mock.patch.multiple(
            setup,
            DOUYIN_KEY=f"kos-e2e-{self.tag}",
            WECOM_CORP=self.corp_id,
            XIAOHONGSHU_USER=f"xhs-e2e-{self.tag}",
            SCRM_NAME=self.scrm,
        ):
            yield


@asynccontextmanager
async def open_brand(
    urls: StackUrls,
    tag: str,
    *,
    stores_per_region: int = 1,
    platforms: Sequence[str] = ("douyin",),
    held: bool = False,
) -> AsyncIterator[SmallBrand]:
    """Two regions with stores of one seller per entry of `platforms`, imported and connected.

    With `held` the first seller's public name breaks the rule on prices.
    """
    units = _units(stores_per_region)
    people = _people(tag, units, platforms, held=held)
    async with Client(urls, typed("brand", uuid7())) as client:
        made = SmallBrand(tag, client, people, {}, {})
        await setup.create_brand(client)
        files = {
            "units": units,
            "staff": [row | {"open_lead_capacity": CAPACITY} for row in brand.staff_rows(people)],
            "accounts": brand.account_rows(people),
        }
        for kind, rows in files.items():
            report = await import_rows(client, kind, rows)
            assert (report["rows_added"], report["rows_refused"]) == (len(rows), 0), report
        await wait_until_caught_up(urls.kafka_bootstrap)
        async with made.apart():
            await setup.join_platforms(client, people)
        made.connections.update(
            {
                row["platform"]: row["id"]
                for row in await list_all(client, "connections", "id platform")
            }
        )
        made.staff.update(
            {row["code"]: row["id"] for row in await list_all(client, "staff", "id code")}
        )
        yield made


async def import_rows(client: Client, kind: str, rows: list[dict[str, object]]) -> dict[str, Any]:
    """The report of an import of these rows."""
    report: dict[str, Any] = await client.send(
        "POST",
        f"{client.urls.account}/imports/{kind}",
        content=brand.to_csv(rows),
        media_type="text/csv",
    )
    return report


async def list_all(
    client: Client,
    name: str,
    fields: str,
    *,
    arguments: str = "",
    first: int = PAGE,
    token: str | None = None,
) -> list[dict[str, Any]]:
    """Every node of a GraphQL connection, page by page."""
    document = (
        f"query($after: String) {{ {name}(first: {first}, after: $after{arguments}) "
        f"{{ nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }} }}"
    )
    nodes: list[dict[str, Any]] = []
    after = None
    while True:
        page = (await client.query(document, {"after": after}, token=token))[name]
        nodes += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return nodes
        after = page["pageInfo"]["endCursor"]


def _units(stores_per_region: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for letter, region, city, city_code in REGIONS:
        rows.append({"code": f"R-{letter}", "kind": "region", "name": f"{region}大区"})
        rows += [
            {
                "code": f"S-{letter}-{number}",
                "parent_code": f"R-{letter}",
                "kind": "store",
                "name": f"{city}{number}店",
                "city_code": city_code,
                "city": city,
            }
            for number in range(1, stores_per_region + 1)
        ]
    return rows


def _people(
    tag: str, units: list[dict[str, object]], platforms: Sequence[str], *, held: bool
) -> list[Seller]:
    people: list[Seller] = []
    for store in (row for row in units if row["kind"] == "store"):
        for place, platform in enumerate(platforms):
            number = len(people) + 1
            people.append(
                Seller(
                    code=f"K{number:03}",
                    store_code=str(store["code"]),
                    store=str(store["name"]),
                    city=str(store["city"]),
                    name=f"陈{'伟芳娜敏静丽'[number % 6]}",
                    phone=f"1980000{number:04}",
                    platform=platform,
                    handle=f"{tag}_{platform[:2]}_{number:03}",
                    display_name=brand.HELD_NAME if held and number == 1 else f"选车顾问{number}",
                    persona_kind=brand.PERSONAS[place % len(brand.PERSONAS)][0],
                )
            )
    return people
