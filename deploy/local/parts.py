"""The processes of the embedded stack: how each is started and what it is told."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local import identity
from deploy.local.databases import SERVICES, Service, ServiceUrls
from deploy.local.settings import HOST, StackSettings

# what suits the embedded stack but may be set otherwise; where things are is not among it
TUNING = {
    # the subscriber of the demo listens on the loopback interface
    "KOS_WEBHOOK_ALLOW_PRIVATE": "true",
    # the sandbox reviews within two seconds, and its figures grow within a minute
    "CONTENT_REVIEW_POLL_SECONDS": "2",
    "CONTENT_MEASURE_FIRST_SECONDS": "20",
    # nobody balances over the copies here
    "ACCOUNT_DRAIN_SECONDS": "0",
    "CONTENT_DRAIN_SECONDS": "0",
    "LEAD_DRAIN_SECONDS": "0",
    "GATEWAY_DRAIN_SECONDS": "0",
}


@dataclass(frozen=True)
class Part:
    """One Python process; `port` answers `/readyz`."""

    name: str
    command: list[str]
    env: dict[str, str]
    port: int


def list_parts(settings: StackSettings, urls: Mapping[Service, ServiceUrls]) -> list[Part]:
    """Every process but the two servers, in the order in which they are started."""
    ports = settings.ports.model_dump()
    parts = [Part("sandbox", _module("deploy.sandbox"), _sandbox(settings), ports["sandbox"])]
    for name in SERVICES:
        env = service_env(settings, name, urls[name])
        command = _module(f"{name}_svc")
        parts.append(Part(name, [*command, "api"], env, ports[name]))
        parts.append(Part(f"{name}_worker", [*command, "worker"], env, ports[f"{name}_worker"]))
    parts.append(Part("gateway", _module("gateway"), _gateway(settings), ports["gateway"]))
    return parts


def migration_command(service: Service) -> list[str]:
    return [*_module(f"{service}_svc"), "migrate"]


def service_env(settings: StackSettings, service: Service, urls: ServiceUrls) -> dict[str, str]:
    keys = settings.key_dir
    values: dict[str, object] = {
        **_process(settings, service),
        "WORKER_PORT": getattr(settings.ports, f"{service}_worker"),
        "DATABASE_URL": urls.app,
        "WORKER_DATABASE_URL": urls.worker,
        "RELAY_DATABASE_URL": urls.relay,
        "MIGRATION_DATABASE_URL": urls.owner,
        "KEK_FILE": keys / f"{service}-kek",
        "INDEX_KEY_FILE": keys / f"{service}-index",
        "AUDIT_KEY_FILE": keys / f"{service}-audit",
    }
    if urls.intake is not None:
        values["INTAKE_DATABASE_URL"] = urls.intake
    if service == "content":
        values |= _content(settings)
    return {**TUNING, **os.environ, **_prefixed(service.upper(), values)}


def _content(settings: StackSettings) -> dict[str, object]:
    """Assets lie in a folder, and the sandbox stands in for every platform."""
    sandbox = f"{HOST}:{settings.ports.sandbox}"
    return {
        "ASSET_STORE_URL": settings.asset_dir.absolute().as_uri(),
        "DOUYIN_URL": f"http://{sandbox}",
        "WECOM_URL": f"http://{sandbox}",
        "HANDOFF_HOSTS": json.dumps({"xiaohongshu": [sandbox], "channels": [sandbox]}),
    }


def _gateway(settings: StackSettings) -> dict[str, str]:
    values = {
        **_process(settings, "gateway"),
        **{f"{name.upper()}_URL": settings.url(name) for name in SERVICES},
    }
    return {**TUNING, **os.environ, **_prefixed("GATEWAY", values)}


def _sandbox(settings: StackSettings) -> dict[str, str]:
    values = {
        "HOST": HOST,
        "PORT": settings.ports.sandbox,
        "LEAD_URL": settings.url("lead"),
        "STATE_DIR": settings.home / "sandbox",
    }
    return {**os.environ, **_prefixed("SANDBOX", values)}


def _process(settings: StackSettings, name: str) -> dict[str, object]:
    """What the gateway and the services have in common."""
    return {
        "ENVIRONMENT": "development",
        "HOST": HOST,
        "PORT": getattr(settings.ports, name),
        "KAFKA_BOOTSTRAP": settings.bootstrap,
        "SERVICE_SECRET_FILE": settings.key_dir / "service-secret",
        "OIDC_ISSUER": identity.ISSUER,
        "OIDC_AUDIENCE": identity.AUDIENCE,
        "OIDC_JWKS_FILE": settings.key_dir / "jwks.json",
    }


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _prefixed(prefix: str, values: Mapping[str, object]) -> dict[str, str]:
    return {f"{prefix}_{name}": str(value) for name, value in values.items()}
