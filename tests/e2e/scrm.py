"""The subscriber at the sandbox: what it got, compared with what was announced."""

from typing import Any

from deploy.local.demo.client import until
from tests.e2e.small_brand import SmallBrand
from tests.e2e.topics import assert_gapless, read_topics

TOPICS = ("kos.lead", "kos.contact", "kos.deal")


async def wait_until_delivered(brand: SmallBrand, *, seconds: float = 60) -> None:
    """Until the brand's delivery log has nothing pending."""

    async def delivered() -> bool:
        data = await brand.client.query(
            "{ webhookDeliveries(first: 1, status: PENDING) { nodes { id } } }"
        )
        return not data["webhookDeliveries"]["nodes"]

    await until("every webhook is delivered", delivered, seconds=seconds)


async def read_ledger(brand: SmallBrand) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the subscriber counted, and every call it got, in order."""
    url = f"{brand.client.urls.sandbox}/scrm/{brand.scrm}/ledger?limit=10000"
    ledger = await brand.client.send("GET", url)
    return ledger["summary"], ledger["entries"]


async def assert_got_everything(brand: SmallBrand) -> None:
    """Every announced event of leads, contacts and deals arrived, signed, in order per subject."""
    announced = await read_topics(
        brand.client.urls.kafka_bootstrap, TOPICS, brand_id=brand.client.brand_id
    )
    assert_gapless(announced)
    summary, entries = await read_ledger(brand)
    assert {name: summary[name] for name in ("bad_signatures", "malformed", "out_of_order")} == {
        "bad_signatures": 0,
        "malformed": 0,
        "out_of_order": 0,
    }
    accepted = [entry for entry in entries if entry["verdict"] == "accepted"]
    assert len({entry["webhook_id"] for entry in accepted}) == len(accepted)
    told = {
        (entry["webhook_id"], entry["type"], entry["subject"], entry["aggregateversion"])
        for entry in accepted
    }
    assert told == {
        (str(each.event_id), each.type, each.headers["ce_subject"], each.version)
        for each in announced
    }
