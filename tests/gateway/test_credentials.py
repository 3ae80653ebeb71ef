"""API keys through account_svc; service tokens that act for the caller."""

import time
from pathlib import Path

import httpx
import time_machine

from shared.access import Principal, Role
from shared.authentication import issue_service_token
from shared.ids import parse_id, typed, uuid7
from shared.settings import read_key
from tests.gateway.conftest import Client, MakeToken
from tests.gateway.services import Services, problem

VERIFY = "POST account/api-keys/verify"
LEADS = {"query": "{ leads { nodes { id } } }"}


async def test_g2_an_api_key_acts_as_the_principal_that_account_svc_names(
    http: httpx.AsyncClient, services: Services, brand: str
) -> None:
    services.answers[VERIFY] = lambda _: {
        "sub": "apikey_1",
        "brand": brand,
        "roles": ["scrm"],
        "units": [],
        "scope": "lead.read contact.*",
    }
    client = Client(http, "kos_live_abc")

    first = await client.post(LEADS)
    again = await client.post(LEADS)

    assert first.json() == again.json() == {"data": {"leads": {"nodes": []}}}
    assert services.calls == [VERIFY, "GET lead/leads", VERIFY, "GET lead/leads"]
    assert services.bodies[0] == {"key": "kos_live_abc"}
    assert services.principals[0].roles == {Role.PLATFORM_ADMIN}
    assert services.principals[0].actor == "gateway"
    assert services.principals[1].actor == "apikey_1"
    assert services.principals[1].brand_id == parse_id("brand", brand)
    assert services.principals[1].scopes == frozenset({"lead.read", "contact.*"})


async def test_a_key_that_account_svc_does_not_know_is_401(
    http: httpx.AsyncClient, services: Services
) -> None:
    services.answers[VERIFY] = lambda _: problem(401, "unauthenticated", "the key is not valid")
    client = Client(http, "kos_live_wrong")

    answers = [await client.post(LEADS) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert services.calls == [VERIFY, VERIFY]


async def test_a_revoked_key_is_refused_at_once(
    http: httpx.AsyncClient, services: Services, brand: str
) -> None:
    claims = {"sub": "apikey_1", "brand": brand, "roles": ["scrm"], "units": [], "scope": "lead.*"}
    services.answers[VERIFY] = lambda _: claims
    client = Client(http, "kos_live_abc")
    before = await client.post(LEADS)
    services.answers[VERIFY] = lambda _: problem(401, "api_key_invalid", "the key is not valid")

    after = await client.post(LEADS)

    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_token_is_believed_no_longer_than_until_it_expires(
    http: httpx.AsyncClient, make_token: MakeToken, brand: str
) -> None:
    client = Client(http, make_token(brand=brand, seconds=2))
    before = await client.post(LEADS)
    with time_machine.travel(time.time() + 2.5):
        after = await client.post(LEADS)

    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_service_token_is_of_no_use_outside(
    http: httpx.AsyncClient, services: Services, key_files: Path, brand: str
) -> None:
    """It is how the gateway speaks to the services; whoever got hold of one gets no further."""
    principal = Principal(parse_id("brand", brand), "gateway", frozenset({Role.PLATFORM_ADMIN}))
    token = issue_service_token(principal, read_key(key_files / "service_secret"))

    answer = await Client(http, token).post(LEADS)

    assert answer.status_code == 401
    assert services.calls == []


async def test_keys_cannot_be_verified_while_account_svc_is_away(
    http: httpx.AsyncClient, services: Services
) -> None:
    services.away.add("account")

    response = await Client(http, "kos_live_abc").post(LEADS)

    assert response.status_code == 503
    assert response.json()["errors"][0]["extensions"] == {"code": "overloaded"}
    assert services.calls == [VERIFY]


async def test_g2_the_extent_of_a_person_goes_on_to_the_services(
    http: httpx.AsyncClient, services: Services, make_token: MakeToken, brand: str
) -> None:
    unit, staff = typed("unit", uuid7()), typed("staff", uuid7())
    token = make_token(brand=brand, role=Role.STORE_MANAGER, units=(unit,), staff=staff)

    await Client(http, token).run("{ leads { nodes { id } } }")

    [principal] = services.principals
    assert principal.roles == {Role.STORE_MANAGER}
    assert principal.unit_ids == (parse_id("unit", unit),)
    assert principal.staff_id == parse_id("staff", staff)
    assert principal.scopes is None


async def test_the_callers_own_token_never_reaches_a_service(
    client: Client, services: Services
) -> None:
    await client.post(LEADS, **{"x-request-id": "request-0001"})

    assert services.headers[0]["x-request-id"] == "request-0001"
    assert client.token not in services.headers[0]["authorization"]
