"""I1: whatever was answered with success is in the tables."""

from collections.abc import Callable, Iterable
from uuid import UUID

from tests.chaos.checker.anomaly import Anomaly
from tests.chaos.checker.evidence import Evidence, Operation
from tests.chaos.checker.typeid import uuid_of

Holds = Callable[[Operation], bool]


def acknowledged_is_stored(evidence: Evidence) -> Iterable[Anomaly]:
    checks = _checks(evidence)
    for operation in evidence.operations:
        holds = checks.get(operation.kind)
        if holds is not None and operation.outcome == "ok" and not holds(operation):
            yield Anomaly(
                "I1",
                f"{operation.kind} {operation.id} of brand {operation.brand} was acknowledged, "
                "but what it did is not stored",
            )


def _checks(evidence: Evidence) -> dict[str, Holds]:
    """What must be found in the tables, by kind of operation."""
    brand_ids = {tag: uuid_of(brand.brand_id) for tag, brand in evidence.brands.items()}

    def of(service: str, table: str, *columns: str) -> set[tuple[object, ...]]:
        return {
            (row["brand_id"], *(row[name] for name in columns))
            for row in evidence.rows(service, table)
        }

    leads = of("lead", "lead", "connection_id", "source_lead_id")
    offers = {(row["id"], row["status"]) for row in evidence.rows("lead", "offer")}
    stages = of("lead", "stage_change", "contact_id", "stage")
    deals = {row["id"]: row for row in evidence.rows("lead", "deal")}
    personas = of("account", "persona", "name")
    staff = of("account", "staff", "id", "code")
    templates = of("content", "template", "id", "name")
    campaigns = {row["id"]: row for row in evidence.rows("content", "campaign")}
    transfers = of("lead", "transfer", "id", "contact_id")
    steps = {
        (row["transfer_id"], row["step"])
        for row in evidence.rows("lead", "transfer_step")
        if row["dropped_reason"] is None
    }
    dropped = {
        row["transfer_id"]
        for row in evidence.rows("lead", "transfer_step")
        if row["dropped_reason"] is not None
    }
    exams = of("account", "exam_attempt", "id", "is_passed")
    handovers = {row["id"]: row["status"] for row in evidence.rows("account", "handover")}
    looks = of("account", "profile_observation", "account_id", "name")

    def offer_is(status: str) -> Holds:
        return lambda each: (uuid_of(each.facts["offer_id"]), status) in offers

    def deal_is_there(each: Operation) -> bool:
        row = deals.get(_id(each))
        return row is not None and (row["amount_minor"], row["lead_id"]) == (
            each.facts["amount_minor"],
            uuid_of(each.facts["lead_id"]),
        )

    def campaign_is_launched(each: Operation) -> bool:
        row = campaigns.get(uuid_of(each.facts["campaign_id"]))
        return row is not None and row["status"] not in ("planned", "draft")

    return {
        "lead": lambda each: (
            (
                brand_ids[each.brand],
                uuid_of(each.facts["connection_id"]),
                each.facts["source_lead_id"],
            )
            in leads
        ),
        "accept": offer_is("accepted"),
        "decline": offer_is("declined"),
        "stage": lambda each: (
            (
                brand_ids[each.brand],
                uuid_of(each.facts["contact_id"]),
                each.facts["stage"],
            )
            in stages
        ),
        "deal": deal_is_there,
        "void": lambda each: deals[uuid_of(each.facts["deal_id"])]["status"] == "voided",
        "persona": lambda each: (brand_ids[each.brand], each.facts["name"]) in personas,
        "hire": lambda each: (brand_ids[each.brand], _id(each), each.facts["code"]) in staff,
        "template": lambda each: (
            (brand_ids[each.brand], _id(each), each.facts["name"]) in templates
        ),
        "campaign": lambda each: _id(each) in campaigns,
        "launch": campaign_is_launched,
        "transfer_open": lambda each: (
            (brand_ids[each.brand], _id(each), uuid_of(each.facts["contact_id"])) in transfers
        ),
        "transfer_step": lambda each: (
            (uuid_of(each.facts["transfer_id"]), each.facts["step"]) in steps
        ),
        "transfer_drop": lambda each: uuid_of(each.facts["transfer_id"]) in dropped,
        "handover_open": lambda each: _id(each) in handovers,
        "handover_start": lambda each: (
            handovers[uuid_of(each.facts["handover_id"])] in ("running", "done")
        ),
        "exam": lambda each: (brand_ids[each.brand], _id(each), each.facts["is_passed"]) in exams,
        "look": lambda each: (
            (brand_ids[each.brand], uuid_of(each.facts["account_id"]), each.facts["name"]) in looks
        ),
    }


def _id(operation: Operation) -> UUID:
    assert operation.result is not None
    return uuid_of(operation.result["id"])
