"""API keys through account_svc; service tokens that act for the caller."""

import asyncio

import httpx
import msgspec
import pytest

from gateway.credentials import Caller, Credentials
from shared.access import Role
from shared.authentication import Authenticator
from shared.errors import Unauthenticated
from shared.ids import parse_id, typed, uuid7
from tests.gateway.conftest import Client, MakeToken
from tests.gateway.services import NoKeys, Services, problem

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
    assert services.calls == [VERIFY, "GET lead/leads", "GET lead/leads"]
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


async def test_a_revoked_key_works_no_longer_than_it_is_believed(brand: str) -> None:
    asked: list[str] = []

    async def verify_key(key: str, _: Caller) -> bytes:
        if asked:
            raise Unauthenticated("the key is not valid")
        asked.append(key)
        return msgspec.json.encode({"sub": "apikey_1", "brand": brand, "roles": ["scrm"]})

    secret = b"k" * 32
    authenticator = Authenticator(
        issuer="https://issuer.test", audience="kos", key_source=NoKeys(), service_secret=secret
    )
    credentials = Credentials(authenticator, secret, seconds=0.1)
    header = "Bearer kos_live_abc"

    first = await credentials.verify(header, verify_key)
    at_once = await credentials.verify(header, verify_key)
    await asyncio.sleep(0.15)

    assert at_once is first
    with pytest.raises(Unauthenticated):
        await credentials.verify(header, verify_key)
    assert asked == ["kos_live_abc"]


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
