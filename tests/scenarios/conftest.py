"""Cases of accounts play against account_svc with the gateway in front of it."""

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
    "worker_engine",
    "worker_sessions",
]
