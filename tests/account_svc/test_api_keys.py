"""Keys of systems: shown once, stored as a hash, verified for the gateway."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
import time_machine
from sqlalchemy import text

from account_svc.key_text import new_key
from shared.access import Role
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.ids import typed
from tests.account_svc.making import Api
from tests.caller import Json


async def make_key(api: Api, **overrides: object) -> Json:
    body = {"name": "SCRM", "role": "scrm", "scopes": ["lead.*", "*.read"], **overrides}
    return await api.post("/api-keys", body)


async def verify(api: Api, secret: str) -> httpx.Response:
    gateway = api.acting(Role.PLATFORM_ADMIN)
    return await gateway.request("POST", "/api-keys/verify", json={"key": secret})


async def test_g2_a_key_is_shown_once_and_stored_as_a_hash(api: Api, sessions: Sessions) -> None:
    key = await make_key(api)

    secret = key.pop("secret")
    assert secret.startswith(key["prefix"])
    assert (await api.get("/api-keys"))["items"] == [key]
    async with brand_session(sessions, api.brand_id) as session:
        stored = await session.scalar(text("select to_jsonb(k)::text from api_key k"))
    assert secret not in stored
    assert secret.removeprefix(key["prefix"]) not in stored


async def test_g2_a_key_speaks_for_its_brand_within_its_scopes(api: Api, other_api: Api) -> None:
    key = await make_key(api)

    claims = (await verify(other_api, key["secret"])).json()

    assert claims == {
        "sub": key["id"],
        "brand": typed("brand", api.brand_id),
        "roles": ["scrm"],
        "units": [],
        "scope": "*.read lead.*",
    }


async def test_g2_the_last_use_is_noted_at_most_once_a_minute(api: Api) -> None:
    key = await make_key(api)
    first = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    seen = []

    for seconds in (0, 30, 61):
        with time_machine.travel(first + timedelta(seconds=seconds), tick=False):
            assert (await verify(api, key["secret"])).status_code == 200
            seen.append((await api.get("/api-keys"))["items"][0]["last_used_at"])

    assert seen == ["2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z", "2026-11-22T10:01:01Z"]


async def test_g2_a_revoked_key_is_refused(api: Api) -> None:
    key = await make_key(api)

    revoked = await api.post(f"/api-keys/{key['id']}/revoke")
    answer = await verify(api, key["secret"])

    assert revoked["revoked_at"] is not None
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_invalid")
    assert await api.post(f"/api-keys/{key['id']}/revoke") == revoked
    assert [action for _, action, _ in await api.audited()].count("api_key.revoke") == 1


async def test_g2_an_expired_key_is_refused(api: Api) -> None:
    key = await make_key(api, expires_at=(now() + timedelta(hours=1)).isoformat())

    assert (await verify(api, key["secret"])).status_code == 200
    with time_machine.travel(now() + timedelta(hours=2), tick=False):
        assert (await verify(api, key["secret"])).status_code == 401


async def test_g2_a_key_with_another_secret_is_refused(api: Api) -> None:
    known, foreign = await make_key(api), new_key()
    # the public id of a real key, the secret of another, a checksum that fits
    forged = known["prefix"] + foreign.text.removeprefix(foreign.prefix)

    for secret in (foreign.text, forged, known["secret"][:-1], "kos_live_", ""):
        answer = await verify(api, secret)
        assert (answer.status_code, answer.json()["code"]) == (401, "api_key_invalid")


async def test_g2_only_the_platforms_own_processes_verify_keys(api: Api) -> None:
    key = await make_key(api)

    answer = await api.request("POST", "/api-keys/verify", json={"key": key["secret"]})

    assert answer.status_code == 403


@pytest.mark.parametrize("role", ["platform_admin", "region_manager", "kos"])
async def test_g2_a_key_takes_no_role_that_sees_less_or_more_than_the_brand(
    api: Api, role: str
) -> None:
    problem = await api.refuse("/api-keys", {"name": "x", "role": role, "scopes": ["*"]})

    assert (problem["status"], problem["field"]) == (422, "/role")


async def test_g2_a_key_cannot_make_keys(api: Api) -> None:
    system = api.acting(Role.BRAND_ADMIN, scopes=frozenset({"api_key.*"}))

    problem = await system.refuse("/api-keys", {"name": "x", "role": "scrm", "scopes": ["*"]})

    assert (problem["status"], problem["code"]) == (403, "not_allowed")


async def test_g2_a_brand_sees_its_own_keys_alone(api: Api, other_api: Api) -> None:
    key = await make_key(other_api)

    assert (await api.get("/api-keys"))["items"] == []
    problem = await api.refuse(f"/api-keys/{key['id']}/revoke")
    assert (problem["status"], problem["code"]) == (404, "api_key_not_found")
    assert (await verify(api, key["secret"])).status_code == 200


async def test_g2_one_named_prefix_shows_one_row_of_another_brand(
    api: Api, other_api: Api, sessions: Sessions
) -> None:
    first = await make_key(other_api)
    await make_key(other_api)

    async with brand_session(sessions, api.brand_id) as session:
        assert await session.scalar(text("select count(*) from api_key")) == 0
        await session.execute(
            text("select set_config('app.api_key_prefix', :prefix, true)"),
            {"prefix": first["prefix"]},
        )
        prefixes = (await session.scalars(text("select prefix from api_key"))).all()
        changed = await session.execute(text("update api_key set name = 'mine'"))
    assert prefixes == [first["prefix"]]
    assert changed.rowcount == 0  # type: ignore[attr-defined]
