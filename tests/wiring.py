"""What tests of the three services share: settings, keys of their own, a database without work."""

import base64
import json
import secrets
from pathlib import Path
from typing import Any

import asyncpg
from joserfc.jwk import KeySet, RSAKey

from deploy.local.databases import ServiceUrls

KEYS = ("service_secret", "kek", "index_key", "audit_key")


def wire(urls: ServiceUrls, folder: Path) -> dict[str, Any]:
    """Arguments of a service's `Settings`; key files go into `folder`, no broker is named."""
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps(KeySet([RSAKey.generate_key(2048)]).as_dict()))
    return {
        "database_url": urls.app,
        "worker_database_url": urls.worker,
        "relay_database_url": urls.relay,
        "kafka_bootstrap": "127.0.0.1:1",
        "oidc_issuer": "https://issuer.test",
        "oidc_audience": "kos",
        "oidc_jwks_file": jwks,
        **{f"{name}_file": _write_key(folder / name) for name in KEYS},
    }


async def clear_work(urls: ServiceUrls) -> None:
    """Other tests leave announcements and timers behind; a worker would take them up."""
    for url, table in ((urls.relay, "outbox"), (urls.worker, "timer")):
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(f"delete from {table}")
        finally:
            await connection.close()


def _write_key(path: Path) -> Path:
    path.write_bytes(base64.b64encode(secrets.token_bytes(32)))
    return path
