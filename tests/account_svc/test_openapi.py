"""The committed OpenAPI document is the one the routes make, and what they answer fits it."""

from account_svc.app import create_app
from account_svc.schemas.accounts import AccountChangeOut, PersonaOut
from account_svc.schemas.imports import ImportOut
from account_svc.schemas.incentives import RuleOut
from account_svc.settings import Settings
from shared.service import describe, document_of
from tests.account_svc.making import Api, make_account, make_persona


def test_g7_the_document_is_up_to_date() -> None:
    assert document_of("account").read_bytes() == describe(create_app, Settings)


async def test_what_is_only_read_has_the_fields_of_its_model(api: Api) -> None:
    account = await make_account(api)
    await make_persona(api)
    rule = {"trigger": "lead_accepted", "amount": 1, "currency": "points"}
    await api.post("/incentive-rules", rule)
    await api.request(
        "POST",
        "/imports/units",
        content=b"code,kind,name\nS1,palace,x\n",
        headers={"content-type": "text/csv"},
    )

    for path, model in (
        ("/personas", PersonaOut),
        ("/incentive-rules", RuleOut),
        ("/imports", ImportOut),
        (f"/accounts/{account['id']}/history", AccountChangeOut),
    ):
        (item,) = (await api.get(path))["items"]
        assert set(item) == set(model.model_fields)
        model.model_validate(item)
