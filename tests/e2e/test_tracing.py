"""One lead can be followed from its hook to the subscriber's webhook, across HTTP and Kafka."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.demo import setup
from deploy.local.demo.client import until
from tests.e2e import scrm
from tests.e2e.collector import Collector, Span
from tests.e2e.small_brand import SmallBrand, list_all, open_brand
from tests.e2e.stack import Running
from tests.e2e.topics import read_topics

# it may also wait for the stack
pytestmark = pytest.mark.timeout(180)

API, WORKER = "lead_svc-api", "lead_svc-worker"
CAPTURED, QUALIFIED, OFFERED, ACCEPTED = (
    f"kos.lead.{fact}.v1" for fact in ("captured", "qualified", "offered", "accepted")
)


@pytest.fixture(scope="module")
async def brand(running: Running) -> AsyncIterator[SmallBrand]:
    async with open_brand(running.urls, "trace") as made:
        await setup.set_rules(made.client, offer_minutes=30)
        async with made.apart():
            await setup.subscribe_scrm(made.client)
        yield made


async def test_spans_of_a_lead_form_one_trace_from_hook_to_webhook(
    brand: SmallBrand, collector: Collector
) -> None:
    client = brand.client
    await client.send(
        "POST",
        f"{client.urls.sandbox}/sandbox/connections/{brand.connections['generic']}/leads",
        json={
            "name": "冯先生",
            "phone": "19900000555",
            "account_handle": brand.people[0].handle,
        },
    )

    async def is_offered() -> bool:
        return bool(await list_all(client, "leads", "id", arguments=", status: OFFERED"))

    await until("the lead is offered", is_offered, seconds=20)
    await scrm.wait_until_delivered(brand, seconds=20)
    announced = await read_topics(
        client.urls.kafka_bootstrap, ["kos.lead"], brand_id=client.brand_id
    )
    assert [each.type for each in announced] == [CAPTURED, QUALIFIED, OFFERED]
    (trace_id,) = {(each.traceparent or "").split("-")[1] for each in announced}
    sent = {f"webhook {each.type}" for each in announced}

    async def all_arrived() -> bool:
        spans = collector.trace(trace_id)
        names = {span.name for span in spans}
        return sent <= names and f"consume {QUALIFIED}" in names and _is_connected(spans)

    await until("all spans have arrived", all_arrived, seconds=20)
    spans = collector.trace(trace_id)
    by_id = {span.span_id: span for span in spans}
    (hook,) = [span for span in spans if span.parent_id == ""]
    assert (hook.process, hook.name) == (API, "hook")
    for span in spans:
        assert span is hook or span.parent_id in by_id, f"{span} hangs in the air"
    assert _path(by_id, _one(spans, f"webhook {CAPTURED}")) == [
        (API, "hook"),
        (WORKER, f"webhook {CAPTURED}"),
    ]
    for fact in (QUALIFIED, OFFERED):
        assert _path(by_id, _one(spans, f"webhook {fact}")) == [
            (API, "hook"),
            (WORKER, f"consume {CAPTURED}"),
            (WORKER, f"webhook {fact}"),
        ]
    others = [span for span in spans if span.name == f"consume {QUALIFIED}"]
    assert "content_svc-worker" in {span.process for span in others}


async def test_spans_of_a_mutation_form_one_trace_from_the_gateway_to_other_services(
    brand: SmallBrand, collector: Collector
) -> None:
    client = brand.client
    lead = await client.mutate(
        "captureLead", "Lead", "id", {"leadId": "call-1", "phone": "19900000556"}
    )

    async def is_offered() -> bool:
        found = await list_all(client, "leads", "id staff { id }", arguments=", status: OFFERED")
        lead.update(next((each for each in found if each["id"] == lead["id"]), {}))
        return "staff" in lead

    await until("the lead is offered", is_offered, seconds=20)
    await client.mutate(
        "acceptLead",
        "Lead",
        "id",
        {"id": lead["id"]},
        token=brand.seller_token(lead["staff"]["id"]),
    )
    accepted: list[str] = []

    async def is_announced() -> bool:
        announced = await read_topics(
            client.urls.kafka_bootstrap, ["kos.lead"], brand_id=client.brand_id
        )
        accepted[:] = [each.traceparent or "" for each in announced if each.type == ACCEPTED]
        return bool(accepted)

    await until("the acceptance is announced", is_announced, seconds=20)
    await scrm.wait_until_delivered(brand, seconds=20)
    (traceparent,) = accepted
    trace_id = traceparent.split("-")[1]

    async def all_arrived() -> bool:
        spans = collector.trace(trace_id)
        return (
            {"gateway", "account_svc-worker"} <= {span.process for span in spans}
            and f"webhook {ACCEPTED}" in {span.name for span in spans}
            and _is_connected(spans)
        )

    await until("all spans have arrived", all_arrived, seconds=20)
    spans = collector.trace(trace_id)
    by_id = {span.span_id: span for span in spans}
    down_to_the_event = [
        ("gateway", "POST /graphql"),
        (API, f"POST /leads/{lead['id']}/accept"),
    ]
    assert _path(by_id, _one(spans, f"webhook {ACCEPTED}")) == [
        *down_to_the_event,
        (WORKER, f"webhook {ACCEPTED}"),
    ]
    (paid,) = [span for span in spans if span.process == "account_svc-worker"]
    assert _path(by_id, paid) == [
        *down_to_the_event,
        ("account_svc-worker", f"consume {ACCEPTED}"),
    ]


def _is_connected(spans: list[Span]) -> bool:
    """Whether every parent has arrived: each process sends its spans in its own time."""
    ids = {span.span_id for span in spans}
    return all(span.parent_id == "" or span.parent_id in ids for span in spans)


def _one(spans: list[Span], name: str) -> Span:
    (span,) = [span for span in spans if span.name == name]
    return span


def _path(by_id: dict[str, Span], span: Span) -> list[tuple[str, str]]:
    """From the first span of the trace down to this one."""
    path = [(span.process, span.name)]
    while span.parent_id:
        span = by_id[span.parent_id]
        path.insert(0, (span.process, span.name))
    return path
