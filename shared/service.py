"""The command line of every service: `api | worker | migrate | rewrap | openapi [--check]`."""

import argparse
import asyncio
import gc
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import uvloop

from shared.settings import MigrationSettings, RewrapSettings, read_keys, read_settings

if TYPE_CHECKING:
    from fastapi import FastAPI

_API_DOCUMENTS = Path(__file__).parent.parent / "docs" / "api"


def run_service(name: str) -> int:
    """Do what the command line says; the exit code. `name` is account, content or lead.

    What a command does not need is not loaded: a worker holds no routes, an API no connectors.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name}_svc")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("api", help="serve HTTP")
    commands.add_parser("worker", help="relay, consume, do what is due")
    commands.add_parser("migrate", help="bring the database to the newest revision")
    commands.add_parser("rewrap", help="wrap all data keys with the newest key-encryption key")
    openapi = commands.add_parser("openapi", help=f"write docs/api/{document_of(name).name}")
    openapi.add_argument("--check", action="store_true", help="fail if the file is out of date")
    arguments = parser.parse_args()
    if arguments.command == "openapi":
        document = describe(_load(f"{name}_svc.app:create_app"), _settings_of(name))
        return write_openapi(name, document, check=arguments.check)
    if arguments.command == "migrate":
        owner = read_settings(MigrationSettings, prefix=f"{name.upper()}_")
        _load("shared.migrations:upgrade")(name, owner.migration_database_url)
        return 0
    if arguments.command == "rewrap":
        return _rewrap(name)
    settings = read_settings(_settings_of(name))
    if arguments.command == "api":
        create_app = _load(f"{name}_svc.app:create_app")
        _load("shared.web.serving:serve")(f"{name}_svc-api", settings, create_app)
    else:
        build = _load(f"{name}_svc.worker:build")
        uvloop.run(_load("shared.worker:run_worker")(f"{name}_svc-worker", settings, build))
    return 0


def _rewrap(name: str) -> int:
    owner = read_settings(RewrapSettings, prefix=f"{name.upper()}_")
    key_encryption = _load("shared.sealing:LocalKeyEncryption")(read_keys(owner.kek_file))
    count = asyncio.run(_load("shared.rewrap:rewrap")(owner.migration_database_url, key_encryption))
    print(f"{count} data keys wrapped anew with version {key_encryption.current_version}")
    return 0


def _settings_of(name: str) -> Any:
    return _load(f"{name}_svc.settings:Settings")


def _load(name: str) -> Any:
    """Import `module:object` without looking for garbage: an import leaves next to none."""
    gc.disable()
    try:
        return pkgutil.resolve_name(name)
    finally:
        gc.freeze()
        gc.enable()


def document_of(name: str) -> Path:
    return _API_DOCUMENTS / f"{name}_svc.openapi.json"


def describe(create_app: Callable[[Any], "FastAPI"], settings_of: Any) -> bytes:
    """The OpenAPI document, from the routes alone: nothing is opened, no setting is read."""
    settings = settings_of.model_construct(database_url="postgresql://localhost/none")
    document = create_app(settings).openapi()
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def write_openapi(name: str, document: bytes, *, check: bool) -> int:
    """Write the committed document, or compare with it; the exit code."""
    path = document_of(name)
    if not check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(document)
        return 0
    if path.exists() and path.read_bytes() == document:
        return 0
    print(f"docs/api/{path.name} is out of date: python -m {name}_svc openapi", file=sys.stderr)
    return 1
