import pytest

from lead_svc.hooks import BadConnection, LeadForm, Unreadable, open_hook, parse
from tests.lead_svc.hooks.platforms import to_json


def test_the_leads_of_a_stored_payload_are_read_without_secrets_at_any_time() -> None:
    payload = to_json(
        {"type": "lead.created", "timestamp": "2031-01-01T00:00:00Z", "data": {"lead_id": 5}}
    )

    assert parse("generic", {}, payload) == [LeadForm(external_lead_id="5")]


def test_a_stored_payload_that_holds_no_lead_gives_none() -> None:
    payload = to_json({"message_id": "m", "event": "AUTHORIZE", "timestamp": 1772331360000})

    assert parse("kuaishou", {}, payload) == []


def test_an_unreadable_stored_payload_names_the_field() -> None:
    with pytest.raises(Unreadable, match="event: missing"):
        parse("douyin", {}, b"{}")


def test_an_unknown_platform_is_refused() -> None:
    with pytest.raises(BadConnection) as refused:
        open_hook("orkut", {}, {})

    assert refused.value.field == "/platform"
