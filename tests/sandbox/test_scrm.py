import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

from tests.sandbox.harness import get, post, put

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def event(number: int, **overrides: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"evt-{number}",
        "source": "/kos/lead_svc",
        "type": "kos.lead.captured.v1",
        "subject": "lead_1",
        "time": "2026-03-01T10:15:00Z",
        "timestamp": "2026-03-01T10:15:00Z",
        "brandid": "brand_1",
        "aggregateversion": number,
        "data": {"lead_id": "lead_1"},
        **overrides,
    }


def deliver(
    sandbox: httpx.Client,
    body: dict[str, Any],
    *,
    secret: str = SECRET,
    at: datetime | None = None,
) -> int:
    """Signed by the Standard Webhooks library, not by the sandbox's own code."""
    text = json.dumps(body)
    at = at or datetime.now(UTC)
    signature = Webhook(secret).sign(body["id"], at, text)
    return sandbox.post(
        "/scrm/main",
        content=text,
        headers={
            "webhook-id": body["id"],
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        },
    ).status_code


@pytest.fixture
def sink(sandbox: httpx.Client) -> httpx.Client:
    answer = put(sandbox, "/sandbox/scrm/main", {"secrets": [SECRET]})
    assert answer["url"].endswith("/scrm/main")
    return sandbox


def ledger(sandbox: httpx.Client) -> Any:
    return get(sandbox, "/scrm/main/ledger")


def test_deliveries_and_repeats_are_told_apart(sink: httpx.Client) -> None:
    answers = [deliver(sink, event(n)) for n in (1, 2, 2, 3, 1)]

    assert answers == [204] * 5
    assert ledger(sink)["summary"] == {
        "received": 5,
        "unique": 3,
        "repeats": 2,
        "bad_signatures": 0,
        "malformed": 0,
        "out_of_order": 0,
        "by_type": {"kos.lead.captured.v1": 3},
    }
    assert [(e["webhook_id"], e["verdict"]) for e in ledger(sink)["entries"]] == [
        ("evt-1", "accepted"),
        ("evt-2", "accepted"),
        ("evt-2", "repeat"),
        ("evt-3", "accepted"),
        ("evt-1", "repeat"),
    ]


def test_order_is_judged_per_subject(sink: httpx.Client) -> None:
    deliver(sink, event(1))
    deliver(sink, event(3))
    deliver(sink, event(2))
    deliver(sink, event(9, id="other", subject="lead_2", aggregateversion="1"))

    found = ledger(sink)
    assert found["summary"]["out_of_order"] == 1
    assert [(e["webhook_id"], e["in_order"]) for e in found["entries"]] == [
        ("evt-1", True),
        ("evt-3", True),
        ("evt-2", False),
        ("other", True),
    ]


def test_wrong_secret_and_old_time_are_refused_and_recorded(sink: httpx.Client) -> None:
    old = datetime.now(UTC) - timedelta(minutes=6)

    answers = [deliver(sink, event(1), secret=OTHER_SECRET), deliver(sink, event(2), at=old)]

    assert answers == [401, 401]
    summary = ledger(sink)["summary"]
    assert (summary["received"], summary["bad_signatures"], summary["unique"]) == (2, 2, 0)


def test_rotated_secrets_are_both_good(sandbox: httpx.Client) -> None:
    put(sandbox, "/sandbox/scrm/main", {"secrets": [OTHER_SECRET, SECRET]})

    assert deliver(sandbox, event(1), secret=SECRET) == 204
    assert deliver(sandbox, event(2), secret=OTHER_SECRET) == 204


def test_public_key_verifies_asymmetric_signatures(sandbox: httpx.Client) -> None:
    private = Ed25519PrivateKey.generate()
    public = "whpk_" + base64.b64encode(private.public_key().public_bytes_raw()).decode()
    put(sandbox, "/sandbox/scrm/main", {"secrets": [public]})
    body, timestamp = json.dumps(event(1)), str(int(datetime.now(UTC).timestamp()))
    signature = private.sign(f"evt-1.{timestamp}.{body}".encode())

    answer = sandbox.post(
        "/scrm/main",
        content=body,
        headers={
            "webhook-id": "evt-1",
            "webhook-timestamp": timestamp,
            "webhook-signature": "v1a," + base64.b64encode(signature).decode(),
        },
    )

    assert answer.status_code == 204


@pytest.mark.parametrize(
    "change",
    [{"specversion": "0.3"}, {"timestamp": None}, {"data": "text"}, {"subject": 5}],
)
def test_signed_body_of_another_form_is_malformed(
    sink: httpx.Client, change: dict[str, Any]
) -> None:
    assert deliver(sink, event(1, **change)) == 400
    assert ledger(sink)["summary"]["malformed"] == 1


def test_faults_answer_in_the_place_of_the_sink(sink: httpx.Client) -> None:
    for kind in ("server_error", "rate_limited", "gone"):
        post(sink, "/sandbox/faults", {"kind": kind, "route": "/scrm/main", "count": 1})

    answers = [deliver(sink, event(1)) for _ in range(4)]

    assert sorted(answers) == [204, 410, 429, 500]
    assert ledger(sink)["summary"]["received"] == 1


def test_success_after_a_timeout_shows_the_retry_as_a_repeat(sink: httpx.Client) -> None:
    post(
        sink,
        "/sandbox/faults",
        {"kind": "timeout_after_success", "platform": "scrm", "count": 1, "hold_seconds": 0},
    )

    with pytest.raises(httpx.ReadError):
        deliver(sink, event(1))
    answer = deliver(sink, event(1))

    assert answer == 204
    assert [e["verdict"] for e in ledger(sink)["entries"]] == ["accepted", "repeat"]


def test_unknown_sink_and_cleared_ledger(sink: httpx.Client) -> None:
    deliver(sink, event(1))

    cleared = sink.delete("/scrm/main/ledger").status_code

    assert cleared == 204
    assert ledger(sink)["entries"] == []
    assert sink.post("/scrm/other", content=b"{}").status_code == 404
    assert sink.get("/scrm/other/ledger").status_code == 404
