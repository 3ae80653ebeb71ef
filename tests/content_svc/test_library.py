"""Assets and templates."""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from sqlalchemy import text

from content_svc.settings import Settings
from shared.access import Role
from tests.content_svc.making import Brand, make_template, make_video


async def test_c1_an_asset_comes_back_byte_for_byte(brand: Brand) -> None:
    content = bytes(range(256)) * 2000
    answer = await brand.request(
        "POST",
        "/assets",
        params={
            "name": "试驾片",
            "kind": "video",
            "tags": ["a", "b"],
            "licensed_until": "2027-06-30",
        },
        content=content,
        headers={"content-type": "video/mp4"},
    )

    asset = answer.json()
    fetched = await brand.request("GET", f"/assets/{asset['id']}/content")

    assert answer.status_code == 201
    assert fetched.content == content
    assert fetched.headers["content-type"] == "video/mp4"
    assert {key: asset[key] for key in asset if key not in ("id", "created_at")} == {
        "kind": "video",
        "name": "试驾片",
        "media_type": "video/mp4",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "tags": ["a", "b"],
        "licensed_until": "2027-06-30",
    }
    assert (await brand.get("/assets", tag="b"))["items"] == [asset]
    assert await brand.audited() == [("test-admin", "asset.add", asset["id"])]


async def test_c1_an_asset_that_is_too_large_leaves_nothing(
    brand: Brand, settings: Settings
) -> None:
    answer = await brand.request(
        "POST",
        "/assets",
        params={"name": "film", "kind": "video"},
        content=b"x" * (settings.largest_asset_bytes + 1),
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert (await brand.get("/assets"))["items"] == []
    assert await brand.audited() == []


async def test_g3_an_upload_repeated_with_its_key_keeps_one_copy(
    brand: Brand, settings: Settings
) -> None:
    folder = Path(urlsplit(settings.asset_store_url).path) / str(brand.id)

    async def upload(content: bytes) -> httpx.Response:
        return await brand.request(
            "POST",
            "/assets",
            params={"name": "film", "kind": "video"},
            content=content,
            key="upload-1",
        )

    first, again, other = [await upload(content) for content in (b"a", b"a", b"b")]

    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(list(folder.iterdir())) == 1
    assert await brand.audited() == [("test-admin", "asset.add", first.json()["id"])]


async def test_g2_an_asset_of_another_brand_does_not_exist(
    brand: Brand, other_brand: Brand
) -> None:
    asset_id = await make_video(brand)

    content = await other_brand.request("GET", f"/assets/{asset_id}/content")
    listed = await other_brand.post("/assets/by-ids", {"ids": [asset_id]})

    assert (content.status_code, content.json()["code"]) == (404, "asset_not_found")
    assert listed == {"items": [], "missing": [asset_id]}


async def test_g2_only_head_office_adds_to_the_library(brand: Brand) -> None:
    seller = brand.acting(Role.KOS)
    answer = await seller.request(
        "POST", "/assets", params={"name": "film", "kind": "video"}, content=b"x"
    )

    assert answer.status_code == 403
    await seller.refuse("/templates", {"name": "mine", "body": "text"})


async def test_c1_templates_are_found_by_words_and_tag(brand: Brand) -> None:
    wanted = await make_template(brand, name="雪地试驾", tags=["winter"])
    await make_template(brand, name="夏日", title="", body="100%舒适", slots=[])

    by_word = await brand.get("/templates", q="雪地")
    by_tag = await brand.get("/templates", tag="winter")
    by_sign = await brand.get("/templates", q="0%舒")

    assert by_word["items"] == by_tag["items"] == [wanted]
    assert [item["name"] for item in by_sign["items"]] == ["夏日"]
    assert (await brand.get("/templates", q="%"))["items"] == by_sign["items"]


async def test_c1_a_template_with_an_unknown_slot_is_refused(brand: Brand) -> None:
    problem = await brand.refuse("/templates", {"name": "x", "body": "去{{where}}", "slots": []})

    assert (problem["code"], problem["field"]) == ("template_malformed", "/body")


async def test_g2_no_table_of_a_brand_shows_rows_without_naming_the_brand(brand: Brand) -> None:
    await make_template(brand)

    async with brand.sessions.begin() as session:
        assert (await session.execute(text("select count(*) from template"))).scalar() == 0
