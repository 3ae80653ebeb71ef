"""I9: the subscriber gets every event at least once, in order per subject, validly signed."""

import base64
import hmac
import json
from collections import defaultdict
from collections.abc import Iterable

from tests.chaos.checker.anomaly import Anomaly
from tests.chaos.checker.evidence import Brand, Evidence, SinkCall

_TOPICS = ("kos.lead", "kos.contact", "kos.deal")


def delivered(evidence: Evidence) -> Iterable[Anomaly]:
    """Every event of the subscribed topics is taken; none before its predecessors are."""
    for brand in evidence.brands.values():
        yield from _of_brand(evidence, brand)


def _of_brand(evidence: Evidence, brand: Brand) -> Iterable[Anomaly]:
    wanted = {
        str(each.event_id): each
        for each in evidence.first_records
        if each.topic in _TOPICS and each.brand_id == brand.brand_id
    }
    taken: dict[str, list[int]] = defaultdict(list)
    seen: set[str] = set()
    for call in evidence.sink:
        if call.name != brand.sink or not call.is_taken:
            continue
        webhook_id = call.headers.get("webhook-id", "")
        if webhook_id not in wanted:
            yield Anomaly("I9", f"webhook {webhook_id} to {brand.sink} tells of no known event")
        elif webhook_id not in seen:
            seen.add(webhook_id)
            taken[wanted[webhook_id].key].append(wanted[webhook_id].version)
    for webhook_id in sorted(wanted.keys() - seen):
        record = wanted[webhook_id]
        yield Anomaly(
            "I9", f"{record.type} {webhook_id} of {record.key} was never taken by {brand.sink}"
        )
    for key, versions in taken.items():
        if versions != sorted(versions):
            yield Anomaly("I9", f"{key} reached {brand.sink} as versions {versions}")


def signed(evidence: Evidence) -> Iterable[Anomaly]:
    """Every call, also one that failed, is signed over its bytes with the endpoint's secret."""
    brands = {brand.sink: brand for brand in evidence.brands.values()}
    for call in evidence.sink:
        brand = brands.get(call.name)
        if brand is None:
            continue
        if not is_signed(call, brand.endpoint_secret):
            yield Anomaly("I9", f"call {call.number} to {call.name} is not validly signed")
        elif json.loads(call.body)["id"] != call.headers["webhook-id"]:
            yield Anomaly("I9", f"call {call.number} to {call.name} tells another id than its own")


def is_signed(call: SinkCall, secret: str) -> bool:
    """Standard Webhooks 1.0.0, symmetric."""
    try:
        webhook_id, stamp, signatures = (
            call.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")
        )
    except KeyError:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{webhook_id}.{stamp}.".encode() + call.body
    expected = base64.b64encode(hmac.digest(key, text, "sha256")).decode()
    return any(
        hmac.compare_digest(each.removeprefix("v1,"), expected)
        for each in signatures.split(" ")
        if each.startswith("v1,")
    )
