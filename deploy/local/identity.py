"""Secrets of the embedded stack and its development issuer of access tokens.

All lie in one folder that only its owner may read. The services read the issuer's public half as
a JWKS file; in production the issuer is the installation's identity provider and none of this runs.
"""

import base64
import json
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey

from deploy.local.databases import SERVICES, make_passwords

ISSUER = "https://issuer.kos.localhost"
AUDIENCE = "kos"
TOKEN_SECONDS = 12 * 3600
# per service: wrap data keys, blind indexes, audit chain
KEY_KINDS = ("kek", "index", "audit")


def ensure_secrets(folder: Path) -> dict[str, str]:
    """Create what is missing; returns the database passwords by role (and `postgres`)."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    names = ["service-secret", *(f"{name}-{kind}" for name in SERVICES for kind in KEY_KINDS)]
    for name in names:
        if not (folder / name).exists():
            _write(folder / name, base64.b64encode(secrets.token_bytes(32)).decode())
    if not (folder / "issuer.json").exists():
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
        _write(folder / "issuer.json", json.dumps(key.as_dict(private=True)))
    key = _issuer_key(folder)
    _write(folder / "jwks.json", json.dumps({"keys": [key.as_dict(private=False)]}))
    passwords_file = folder / "passwords.json"
    if not passwords_file.exists():
        passwords = make_passwords() | {"postgres": secrets.token_urlsafe(24)}
        _write(passwords_file, json.dumps(passwords))
    found: dict[str, str] = json.loads(passwords_file.read_text())
    return found


def issue_token(
    folder: Path,
    *,
    brand_id: str,
    roles: Sequence[str],
    unit_ids: Sequence[str] = (),
    staff_id: str | None = None,
    subject: str = "developer",
    valid_seconds: int = TOKEN_SECONDS,
) -> str:
    """An access token as the services verify it; ids are typed (`brand_…`, `unit_…`, `staff_…`).

    Raises FileNotFoundError before the first start of the stack, which makes the key.
    """
    key = _issuer_key(folder)
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now,
        "exp": now + valid_seconds,
        "jti": secrets.token_urlsafe(12),
        "brand": brand_id,
        "roles": list(roles),
        "units": list(unit_ids),
    }
    if staff_id is not None:
        claims["staff"] = staff_id
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
    return jwt.encode(header, claims, key, algorithms=["ES256"])


def _issuer_key(folder: Path) -> ECKey:
    return ECKey.import_key(json.loads((folder / "issuer.json").read_text()))


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others."""
    beside = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    beside.rename(path)
