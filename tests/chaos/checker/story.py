"""Evidence of a small run in which everything went well, for tests to spoil."""

from uuid import UUID

from tests.chaos.checker.evidence import Evidence, Record, Row
from tests.chaos.checker.making import (
    AT,
    BRAND,
    ENDPOINT,
    KEY,
    OTHER,
    audit_rows,
    brand,
    call,
    head_of,
    notes,
    operation,
    record,
    sample,
)
from tests.chaos.checker.typeid import typed

CONNECTION, CONTACT, STAFF, UNIT = (UUID(int=number) for number in range(11, 15))
LEAD, OFFER, DEAL, RULE, ENTRY, PERSONA = (UUID(int=number) for number in range(21, 27))
ACCOUNT, PRIVATE, TRANSFER, LEAVER, HANDOVER = (UUID(int=number) for number in range(31, 36))
CONSUMERS_OF = {
    "kos.lead": ("account_svc", "content_svc", "lead_svc.pipeline", "lead_svc.webhooks"),
    "kos.deal": ("account_svc", "content_svc", "lead_svc.webhooks"),
    "kos.contact": ("account_svc", "lead_svc.webhooks"),
    "kos.account": ("content_svc", "lead_svc"),
    "kos.staff": ("content_svc", "lead_svc"),
    "kos.org": ("content_svc", "lead_svc"),
    "kos.incentive": (),
    "kos.handover": ("content_svc", "lead_svc"),
    "kos.lead_handover": ("account_svc",),
}
SUBSCRIBED = ("kos.lead", "kos.deal", "kos.contact")
STEPS = ("stage_1_open", "stage_1_done")


def told_records() -> list[Record]:
    lead, deal, staff, unit = (
        typed(prefix, value)
        for prefix, value in (("lead", LEAD), ("deal", DEAL), ("staff", STAFF), ("unit", UNIT))
    )
    credit = {"post_id": None, "account_id": None, "campaign_id": None}
    at = AT.isoformat()
    return [
        record(
            "kos.org",
            "kos.org.unit_added.v1",
            unit,
            1,
            0,
            1,
            ancestor_ids=[unit],
            kind="store",
            code="s",
            name="n",
        ),
        record(
            "kos.staff",
            "kos.staff.joined.v1",
            staff,
            1,
            0,
            2,
            unit_id=unit,
            is_seller=True,
            open_lead_capacity=5,
            skills=[],
            product_lines=[],
            languages=[],
            tier="standard",
        ),
        record("kos.lead", "kos.lead.captured.v1", lead, 1, 0, 3),
        record("kos.lead", "kos.lead.qualified.v1", lead, 2, 1, 4, **credit),
        record(
            "kos.lead",
            "kos.lead.accepted.v1",
            lead,
            3,
            2,
            5,
            staff_id=staff,
            accepted_at=at,
            **credit,
        ),
        record(
            "kos.deal",
            "kos.deal.won.v1",
            deal,
            1,
            0,
            6,
            staff_id=staff,
            closed_at=at,
            amount_minor=100,
            currency="CNY",
            **credit,
        ),
        record("kos.incentive", "kos.incentive.posted.v1", typed("entry", ENTRY), 1, 0, 7),
        record(
            "kos.staff",
            "kos.staff.certificate_earned.v1",
            staff,
            2,
            1,
            8,
            right="live",
            expires_at=at,
        ),
        record(
            "kos.account",
            "kos.account.pair_checked.v1",
            typed("acct", ACCOUNT),
            1,
            0,
            9,
            private_account_id=typed("acct", PRIVATE),
            staff_id=staff,
            state="passed",
            failed_fields=[],
        ),
        *(
            record(
                "kos.contact",
                "kos.contact.transferred.v1",
                typed("contact", CONTACT),
                number,
                number - 1,
                9 + number,
                transfer_id=typed("transfer", TRANSFER),
                staff_id=staff,
                step=step,
                dropped_reason=None,
                at=at,
            )
            for number, step in enumerate(STEPS, 1)
        ),
        *(
            record(
                "kos.handover",
                f"kos.handover.{kind}.v1",
                typed("handover", HANDOVER),
                number,
                number - 1,
                11 + number,
                staff_id=typed("staff", LEAVER),
            )
            for number, kind in enumerate(("started", "finished"), 1)
        ),
        record(
            "kos.lead_handover",
            "kos.lead_handover.finished.v1",
            typed("leadhandover", HANDOVER),
            1,
            0,
            14,
        ),
    ]


def good_run() -> Evidence:
    """A lead is captured, accepted and becomes a deal, which pays; its customer is led on by a
    seller who passed an exam, over a pair that passed its check; somebody who had nothing leaves; a
    persona is added."""
    records = told_records()
    lead, deal = typed("lead", LEAD), typed("deal", DEAL)
    transfer = typed("transfer", TRANSFER)
    lead_audit = audit_rows(
        ("lead.accept", lead),
        ("deal.win", deal),
        ("transfer.step", transfer),
        ("transfer.step", transfer),
    )
    account_audit = audit_rows(("persona.add", typed("persona", PERSONA)))
    of_brand = {"brand_id": BRAND}
    credit = {"post_id": None, "account_id": None, "campaign_id": None}
    tables: dict[str, dict[str, list[Row]]] = {
        "account": {
            "unit": [{**of_brand, "id": UNIT, "version": 1}],
            "staff": [{**of_brand, "id": STAFF, "version": 2, "code": "s1"}],
            "account": [{**of_brand, "id": ACCOUNT, "version": 1}],
            "handover": [{**of_brand, "id": HANDOVER, "version": 2, "status": "done"}],
            "handover_item": [
                {**of_brand, "handover_id": HANDOVER, "kind": "leads", "status": "done"}
            ],
            "persona": [{**of_brand, "id": PERSONA, "name": "canarya00001abcd"}],
            "incentive_rule": [
                {
                    **of_brand,
                    "id": RULE,
                    "trigger": "deal_won",
                    "version": 1,
                    "amount": 200,
                    "rate_bp": 0,
                    "currency": "points",
                    "valid_from": AT,
                    "is_active": True,
                }
            ],
            "ledger_entry": [
                {
                    **of_brand,
                    "id": ENTRY,
                    "version": 1,
                    "trigger": "deal_won",
                    "cause": deal,
                    "reverses_id": None,
                    "amount": 200,
                    "currency": "points",
                    "earned_at": AT,
                    "store_id": UNIT,
                }
            ],
            "standing": [
                {
                    **of_brand,
                    "period": "2026-11",
                    "store_id": UNIT,
                    "points": 200,
                    "accepted_leads": 0,
                    "deals": 1,
                }
            ],
            "audit": account_audit,
            "audit_head": [head_of(account_audit)],
        },
        "content": {
            "unit_directory": [
                {**of_brand, "unit_id": UNIT, "parent_id": None, "ancestor_ids": [UNIT]}
            ],
            "staff_directory": [
                {**of_brand, "staff_id": STAFF, "unit_id": UNIT, "is_departed": False}
            ],
            "staff_right": [
                {**of_brand, "staff_id": STAFF, "right": "live", "expires_at": AT},
            ],
            "lead_outcome": [
                {**of_brand, **credit, "lead_id": LEAD, "is_accepted": True, "is_voided": False}
            ],
            "deal_outcome": [
                {
                    **of_brand,
                    **credit,
                    "deal_id": DEAL,
                    "amount_minor": 100,
                    "currency": "CNY",
                    "is_voided": False,
                }
            ],
        },
        "lead": {
            "org_unit": [
                {**of_brand, "id": UNIT, "parent_id": None, "ancestor_ids": [UNIT], "code": "s"}
            ],
            "seller": [
                {**of_brand, "id": STAFF, "unit_id": UNIT, "open_load": 0, "handover_id": None}
            ],
            "lead_handover": [
                {
                    **of_brand,
                    "id": HANDOVER,
                    "version": 1,
                    "staff_id": LEAVER,
                    "leads": 0,
                    "contacts": 0,
                    "finished_at": AT,
                }
            ],
            "seller_right": [
                {**of_brand, "staff_id": STAFF, "right": "live", "expires_at": AT},
            ],
            "seller_pair": [
                {
                    **of_brand,
                    "account_id": ACCOUNT,
                    "private_account_id": PRIVATE,
                    "staff_id": STAFF,
                    "state": "passed",
                    "failed_fields": [],
                    "version": 1,
                }
            ],
            "transfer": [
                {**of_brand, "id": TRANSFER, "contact_id": CONTACT, "status": "open"},
            ],
            "transfer_step": [
                {
                    **of_brand,
                    "transfer_id": TRANSFER,
                    "number": number,
                    "step": step,
                    "dropped_reason": None,
                }
                for number, step in enumerate(STEPS, 1)
            ],
            "receipt": [
                {**of_brand, "connection_id": CONNECTION, "dedupe_key": "msg-1", "payload": b"\x01"}
            ],
            "lead": [
                {
                    **of_brand,
                    "id": LEAD,
                    "version": 3,
                    "connection_id": CONNECTION,
                    "source_lead_id": "1",
                    "contact_id": CONTACT,
                    "status": "accepted",
                    "staff_id": STAFF,
                    "closed_at": AT,
                }
            ],
            "contact": [
                {
                    **of_brand,
                    "id": CONTACT,
                    "version": 2,
                    "lead_count": 1,
                    "merged_into_id": None,
                    "erased_at": None,
                    "owner_staff_id": STAFF,
                }
            ],
            "offer": [
                {**of_brand, "id": OFFER, "lead_id": LEAD, "staff_id": STAFF, "status": "accepted"}
            ],
            "deal": [
                {
                    **of_brand,
                    "id": DEAL,
                    "version": 1,
                    "lead_id": LEAD,
                    "amount_minor": 100,
                    "status": "won",
                }
            ],
            "webhook_delivery": [
                {**of_brand, "endpoint_id": ENDPOINT, "event_id": each.event_id}
                for each in records
                if each.topic in SUBSCRIBED
            ],
            "audit": lead_audit,
            "audit_head": [head_of(lead_audit)],
        },
    }
    journal: dict[str, list[Row]] = {"account": [], "content": [], "lead": []}
    for number, consumer in enumerate(
        ("account_svc", "content_svc", "lead_svc", "lead_svc.pipeline", "lead_svc.webhooks")
    ):
        taken = [each for each in records if consumer in CONSUMERS_OF[each.topic]]
        journal[consumer.partition("_")[0]] += notes(consumer, taken, 100 * number)
    return Evidence(
        brands={"a": brand("a", BRAND), "b": brand("b", OTHER)},
        operations=[
            operation(
                "lead",
                1,
                key=None,
                facts={"connection_id": typed("conn", CONNECTION), "source_lead_id": "1"},
            ),
            operation("accept", 2, facts={"lead_id": lead, "offer_id": typed("offer", OFFER)}),
            operation("deal", 3, result={"id": deal}, facts={"lead_id": lead, "amount_minor": 100}),
            operation(
                "persona",
                4,
                result={"id": typed("persona", PERSONA)},
                facts={"name": "canarya00001abcd"},
            ),
            operation(
                "transfer_open",
                5,
                result={"id": transfer},
                facts={"contact_id": typed("contact", CONTACT)},
            ),
            operation("transfer_step", 6, facts={"transfer_id": transfer, "step": "stage_1_done"}),
        ],
        records=records,
        tables=tables,
        journal=journal,
        sink=[
            call(number, each) for number, each in enumerate(records, 1) if each.topic in SUBSCRIBED
        ],
        logs={"lead": "all is well"},
        samples=[sample("drain", 105.0), sample("after", 110.0)],
        audit_keys={"account": KEY, "content": KEY, "lead": KEY},
        catalog=[
            {
                "service": "lead",
                "name": "lead",
                "has_brand": True,
                "is_enabled": True,
                "is_forced": True,
            }
        ],
        roles=[{"rolname": "kos_lead_app", "rolsuper": False, "rolbypassrls": False}],
        last_fault_at=100.0,
        settled_at=108.0,
    )
