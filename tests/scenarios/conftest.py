"""Cases play against the three services with the gateway in front of them, or those of accounts
alone against account_svc with the gateway."""

from tests.account_svc.conftest import (
    api,
    app,
    app_engine,
    graph,
    http,
    inbox,
    service_secret,
    sessions,
    settings,
    signing_key,
    worker_engine,
    worker_sessions,
)
from tests.isolation.conftest import site, urls, world

__all__ = [
    "api",
    "app",
    "app_engine",
    "graph",
    "http",
    "inbox",
    "service_secret",
    "sessions",
    "settings",
    "signing_key",
    "site",
    "urls",
    "worker_engine",
    "worker_sessions",
    "world",
]
