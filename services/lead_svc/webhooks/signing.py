"""Standard Webhooks 1.0.0 signatures, with two secrets while one replaces the other."""

import base64
import os
from datetime import datetime

from standardwebhooks import Webhook

_SECRET_BYTES = 32


def new_secret() -> str:
    """A signing secret as it is shown to the subscriber: `whsec_` + base64 of 32 bytes."""
    return "whsec_" + base64.b64encode(os.urandom(_SECRET_BYTES)).decode()


def sign(secrets: list[str], webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of a delivery; one signature per secret, newest first. `at` is UTC."""
    text = body.decode()
    signatures = [Webhook(secret).sign(webhook_id, at, text) for secret in secrets]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
