"""Settings every process has; each service subclasses them with its own environment prefix."""

import base64
import binascii
import os
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class ProcessSettings(BaseSettings):
    """What the gateway and the services share. A secret has no default."""

    environment: Environment = Environment.PRODUCTION
    host: str = "127.0.0.1"
    port: int
    kafka_bootstrap: str
    service_secret_file: Path
    oidc_issuer: str
    oidc_audience: str
    oidc_jwks_url: str | None = None
    oidc_jwks_file: Path | None = None
    otlp_endpoint: str = ""
    drain_seconds: float = Field(default=3.0, ge=0, le=8)
    """From SIGTERM to the last new connection: what a balancer needs to see `/readyz` fail."""

    @model_validator(mode="after")
    def _has_keys_to_verify_with(self) -> "ProcessSettings":
        if (self.oidc_jwks_url is None) == (self.oidc_jwks_file is None):
            raise ValueError("set exactly one of OIDC_JWKS_URL and OIDC_JWKS_FILE")
        return self


class ServiceSettings(ProcessSettings):
    """What account_svc, content_svc and lead_svc share. URLs are `postgresql://…`, one per role."""

    worker_port: int
    worker_ordinal: int = 0
    database_url: str
    worker_database_url: str
    relay_database_url: str
    kek_file: Path
    """One `VERSION:KEY` a line; the highest version seals, the others still open."""
    index_key_file: Path
    audit_key_file: Path


class MigrationSettings(BaseSettings):
    """All that `migrate` needs: of the role that owns the tables and that nothing else is."""

    migration_database_url: str


class RewrapSettings(MigrationSettings):
    """What `rewrap` needs."""

    kek_file: Path


S = TypeVar("S", bound=BaseSettings)


def read_settings(settings_of: type[S], *, prefix: str | None = None) -> S:
    """From the environment, and from the files in the folder `KOS_SECRETS_DIR` where it is set.

    Such a file is named like the variable in lower case: `lead_database_url`. `prefix` is for a
    class without one of its own.
    """
    return settings_of(_env_prefix=prefix, _secrets_dir=os.environ.get("KOS_SECRETS_DIR"))


def read_key(path: Path) -> bytes:
    """The 32 bytes a key file holds as base64; ValueError names the file, never its content."""
    return _decode(_read(path), path)


def read_keys(path: Path) -> dict[int, bytes]:
    """The keys of a file by version: a `VERSION:KEY` per line, or one bare key, version 1."""
    keys: dict[int, bytes] = {}
    for line in _read(path).split():
        version, _, key = line.rpartition(":")
        if version and not version.isdecimal():
            raise ValueError(f"key file {path}: a version is a number")
        keys[int(version or 1)] = _decode(key, path)
    if not keys:
        raise ValueError(f"key file {path} is empty")
    return keys


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ValueError(f"key file {path} is not readable") from error


def _decode(text: str, path: Path) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"key file {path} is not readable base64") from error
    if len(key) != 32:
        raise ValueError(f"key file {path} must hold 32 bytes as base64, not {len(key)}")
    return key
