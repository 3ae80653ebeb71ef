"""Each invariant: kept by a good run, and named when one thing about it is spoilt."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.checker import INVARIANTS, check
from tests.chaos.checker.evidence import Evidence
from tests.chaos.checker.making import BRAND, PERSON, call, notes, operation, record, sample
from tests.chaos.checker.story import DEAL, HANDOVER, LEAD, LEAVER, good_run
from tests.chaos.checker.typeid import typed, uuid_of

Spoil = Callable[[Evidence], None]


def named(spoil: Spoil) -> set[str]:
    evidence = good_run()
    spoil(evidence)
    return {anomaly.name for anomaly in check(evidence)}


def test_good_run_has_no_anomaly() -> None:
    assert check(good_run()) == []


def lead_is_gone(evidence: Evidence) -> None:
    evidence.tables["lead"]["receipt"].clear()
    evidence.operations.append(
        operation(
            "lead", 9, key=None, facts={**evidence.operations[0].facts, "source_lead_id": "2"}
        )
    )


def version_untold(evidence: Evidence) -> None:
    evidence.tables["lead"]["deal"][0]["version"] = 2


def gap(evidence: Evidence) -> None:
    evidence.records = [each for each in evidence.records if each.version != 2]


def overtaken(evidence: Evidence) -> None:
    records = evidence.records
    records[2], records[3] = records[3], records[2]


def version_told_twice(evidence: Evidence) -> None:
    deal = typed("deal", DEAL)
    again = record("kos.deal", "kos.deal.won.v1", deal, 1, 1, 99, **evidence.records[5].data)
    evidence.records.append(again)


def taken_twice(evidence: Evidence) -> None:
    evidence.journal["account"].append(evidence.journal["account"][0] | {"transaction": 999})


def without_inbox(evidence: Evidence) -> None:
    evidence.journal["content"] = [
        row for row in evidence.journal["content"] if row["place"] != "inbox"
    ]


def inbox_apart(evidence: Evidence) -> None:
    for row in evidence.journal["lead"]:
        if row["place"] == "inbox":
            row["transaction"] += 5000


def never_applied(evidence: Evidence) -> None:
    evidence.journal["account"] = []


def counted_twice(evidence: Evidence) -> None:
    evidence.tables["lead"]["contact"][0]["lead_count"] = 2


def load_left(evidence: Evidence) -> None:
    evidence.tables["lead"]["seller"][0]["open_load"] = 1


def two_sellers(evidence: Evidence) -> None:
    offers = evidence.tables["lead"]["offer"]
    offers.append(offers[0] | {"id": uuid_of(typed("offer", LEAD)), "status": "open"})


def published_twice(evidence: Evidence) -> None:
    evidence.published_twice = [{"account_handle": "x", "count": 2}]


def head_falls(evidence: Evidence) -> None:
    first = evidence.journal["account"][1]
    evidence.journal["account"].append(first | {"transaction": 999})


def told_of_nothing(evidence: Evidence) -> None:
    evidence.tables["lead"]["deal"][0]["version"] = 0


def seller_differs(evidence: Evidence) -> None:
    evidence.tables["lead"]["seller"][0]["unit_id"] = LEAD


def outcome_missing(evidence: Evidence) -> None:
    evidence.tables["content"]["deal_outcome"].clear()


def not_paid(evidence: Evidence) -> None:
    evidence.tables["account"]["ledger_entry"][0]["amount"] = 100


def race_differs(evidence: Evidence) -> None:
    evidence.tables["account"]["standing"][0]["points"] = 400


def pair_differs(evidence: Evidence) -> None:
    evidence.tables["lead"]["seller_pair"][0]["state"] = "failed"


def right_left(evidence: Evidence) -> None:
    evidence.tables["content"]["staff_right"].clear()


def transfer_is_gone(evidence: Evidence) -> None:
    evidence.tables["lead"]["transfer"].clear()


def step_skipped(evidence: Evidence) -> None:
    evidence.tables["lead"]["transfer_step"][1]["step"] = "stage_2_open"


def step_untold(evidence: Evidence) -> None:
    steps = evidence.tables["lead"]["transfer_step"]
    steps.append(steps[1] | {"number": 3, "step": "stage_2_open"})


def led_on_twice(evidence: Evidence) -> None:
    evidence.tables["lead"]["transfer"] *= 2


def not_rewarded(evidence: Evidence) -> None:
    rules = evidence.tables["account"]["incentive_rule"]
    rules.append(rules[0] | {"trigger": "transfer_stage_1"})


def step_without_audit(evidence: Evidence) -> None:
    evidence.tables["lead"]["audit"][-1]["action"] = "something.else"


def contact_left_behind(evidence: Evidence) -> None:
    evidence.tables["lead"]["contact"][0]["owner_staff_id"] = LEAVER


def handover_without_end(evidence: Evidence) -> None:
    evidence.tables["account"]["handover"][0]["status"] = "running"


def gives_untold(evidence: Evidence) -> None:
    evidence.tables["lead"]["lead_handover"][0]["leads"] = 1


def leaves_for_ever(evidence: Evidence) -> None:
    evidence.tables["lead"]["seller"][0]["handover_id"] = HANDOVER


def end_unheard(evidence: Evidence) -> None:
    evidence.tables["account"]["handover_item"][0]["status"] = "asked"


def two_personas(evidence: Evidence) -> None:
    evidence.tables["account"]["persona"] *= 2


def other_bytes(evidence: Evidence) -> None:
    first = evidence.operations[3]
    evidence.operations[3] = replace(first, answer_hashes=[*first.answer_hashes, "other"])


def key_reused(evidence: Evidence) -> None:
    evidence.operations.append(operation("misuse", 9, facts={"name": "no"}))


def not_delivered(evidence: Evidence) -> None:
    evidence.sink.pop()


def refused_only(evidence: Evidence) -> None:
    evidence.sink[-1] = replace(evidence.sink[-1], status=500)


def delivered_backwards(evidence: Evidence) -> None:
    evidence.sink.reverse()


def unsigned(evidence: Evidence) -> None:
    headers = {**evidence.sink[0].headers}
    del headers["webhook-signature"]
    evidence.sink[0] = replace(evidence.sink[0], headers=headers)


def body_changed(evidence: Evidence) -> None:
    evidence.sink.append(replace(call(9, evidence.records[2]), body=b'{"id": "x"}'))


def answer_of_another_brand(evidence: Evidence) -> None:
    evidence.operations.append(operation("query", 9, answer='"canaryb00001abcd"'))


def row_of_another_brand(evidence: Evidence) -> None:
    evidence.tables["lead"]["lead"][0]["product"] = "canaryb00001abcd"


def not_forced(evidence: Evidence) -> None:
    evidence.catalog[0]["is_forced"] = False


def passes_policies(evidence: Evidence) -> None:
    evidence.roles[0]["rolbypassrls"] = True


def begun_in_a_brand(evidence: Evidence) -> None:
    evidence.journal["lead"][0]["brand"] = str(BRAND)


def plain_in_log(evidence: Evidence) -> None:
    evidence.logs["lead"] = f"lead of {PERSON[0]} stored"


def plain_in_row(evidence: Evidence) -> None:
    evidence.tables["lead"]["receipt"][0]["payload"] = PERSON[1].encode()


def plain_in_event(evidence: Evidence) -> None:
    evidence.records[0] = replace(
        evidence.records[0],
        value=evidence.records[0].value.replace(b'"n"', b'"\\u8605\\u5ad8\\u8368a3"'),
    )


def plain_in_span(evidence: Evidence) -> None:
    evidence.traces = PERSON[2].encode()


def plain_in_error(evidence: Evidence) -> None:
    attempt = {"at": 1.0, "status": 422, "body": f"{PERSON[1]} is no number"}
    evidence.operations.append(operation("query", 9, outcome="failed", attempts=[attempt]))


def plain_beside_data(evidence: Evidence) -> None:
    body = json.dumps({"data": {"leads": []}, "errors": [{"message": f"no {PERSON[1]}"}]})
    attempt = {"at": 1.0, "status": 200, "body": body}
    evidence.operations.append(operation("query", 9, outcome="unknown", attempts=[attempt]))


def late(evidence: Evidence) -> None:
    evidence.samples = [
        sample("drain", 105.0, lag=3),
        sample("drain", 131.0),
        sample("after", 140.0),
    ]


def never_quiet(evidence: Evidence) -> None:
    evidence.samples = [sample("drain", 105.0, parked=1), sample("after", 140.0)]


def never_settled(evidence: Evidence) -> None:
    evidence.settled_at = None


def sessions_left(evidence: Evidence) -> None:
    evidence.samples[-1] = sample("after", 140.0, sessions={"lead_svc-api": 11})


def transaction_left(evidence: Evidence) -> None:
    evidence.samples[-1] = sample("after", 140.0, idle_in_transaction=1)


def lock_left(evidence: Evidence) -> None:
    evidence.samples[-1] = sample("after", 140.0, advisory={"kos_lead": 2})


def memory_grows(evidence: Evidence) -> None:
    evidence.samples += [
        sample("load", 200.0, memory={"lead 1": 100 * 1024 * 1024}),
        sample("after", 300.0, memory={"lead 1": 200 * 1024 * 1024}),
    ]


def audit_missing(evidence: Evidence) -> None:
    evidence.tables["account"]["audit"].clear()
    evidence.tables["account"]["audit_head"].clear()


def audit_changed(evidence: Evidence) -> None:
    evidence.tables["lead"]["audit"][0]["actor"] = "somebody else"


def audit_cut(evidence: Evidence) -> None:
    evidence.operations.pop(2)
    evidence.tables["lead"]["audit"].pop()


CASES: list[tuple[str, Spoil]] = [
    ("I1", lead_is_gone),
    ("I1", transfer_is_gone),
    ("I2", version_untold),
    ("I3", gap),
    ("I3", overtaken),
    ("I3", version_told_twice),
    ("I4", taken_twice),
    ("I4", without_inbox),
    ("I4", inbox_apart),
    ("I4", never_applied),
    ("I4", counted_twice),
    ("I4", load_left),
    ("I4", two_sellers),
    ("I4", published_twice),
    ("I4", led_on_twice),
    ("I4", contact_left_behind),
    ("I4", handover_without_end),
    ("I5", head_falls),
    ("I5", step_skipped),
    ("I6", told_of_nothing),
    ("I7", seller_differs),
    ("I7", outcome_missing),
    ("I7", not_paid),
    ("I7", race_differs),
    ("I7", pair_differs),
    ("I7", right_left),
    ("I7", step_untold),
    ("I7", not_rewarded),
    ("I7", gives_untold),
    ("I7", leaves_for_ever),
    ("I7", end_unheard),
    ("I8", two_personas),
    ("I8", other_bytes),
    ("I8", key_reused),
    ("I9", not_delivered),
    ("I9", refused_only),
    ("I9", delivered_backwards),
    ("I9", unsigned),
    ("I9", body_changed),
    ("I10", answer_of_another_brand),
    ("I10", row_of_another_brand),
    ("I10", not_forced),
    ("I10", passes_policies),
    ("I10", begun_in_a_brand),
    ("I11", plain_in_log),
    ("I11", plain_in_row),
    ("I11", plain_in_event),
    ("I11", plain_in_span),
    ("I11", plain_in_error),
    ("I11", plain_beside_data),
    ("I12", late),
    ("I12", never_quiet),
    ("I12", never_settled),
    ("I13", sessions_left),
    ("I13", transaction_left),
    ("I13", lock_left),
    ("I13", memory_grows),
    ("I14", audit_missing),
    ("I14", audit_changed),
    ("I14", audit_cut),
    ("I14", step_without_audit),
]


@pytest.mark.parametrize(("name", "spoil"), CASES, ids=lambda each: getattr(each, "__name__", each))
def test_each_broken_promise_is_named(name: str, spoil: Spoil) -> None:
    assert name in named(spoil)


def test_every_invariant_has_a_case() -> None:
    assert {name for name, _ in CASES} == set(INVARIANTS)


def test_repeats_in_a_topic_are_no_anomaly() -> None:
    def repeat(evidence: Evidence) -> None:
        evidence.records.append(replace(evidence.records[4], offset=9))
        evidence.sink.append(call(99, evidence.records[2]))

    assert named(repeat) == set()


def test_what_half_an_answer_shows_was_asked_for() -> None:
    def fail_in_part(evidence: Evidence) -> None:
        body = json.dumps({"data": {"phone": PERSON[1]}, "errors": [{"message": "unavailable"}]})
        attempt = {"at": 1.0, "status": 200, "body": body}
        evidence.operations.append(operation("query", 9, outcome="unknown", attempts=[attempt]))

    assert named(fail_in_part) == set()


def test_an_event_that_was_parked_first_may_take_effect_later() -> None:
    def park(evidence: Evidence) -> None:
        rows = evidence.journal["account"]
        inbox = rows[0]
        rows.insert(
            1,
            inbox | {"place": "parked", "key": rows[1]["key"], "version": 1},
        )
        for row in rows[2:3]:
            row["transaction"] += 700

    assert named(park) == set()
    assert notes("x", [], 0) == []
