"""The command line of every service: `api | worker | migrate | rewrap | openapi [--check]`."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import orjson
import uvloop
from fastapi import FastAPI

from shared import migrations
from shared.rewrap import rewrap
from shared.sealing import LocalKeyEncryption
from shared.settings import MigrationSettings, RewrapSettings, read_keys, read_settings
from shared.web.serving import serve
from shared.worker import Build, S, run_worker

_API_DOCUMENTS = Path(__file__).parent.parent / "docs" / "api"


def run_service(
    name: str,
    settings_of: type[S],
    create_app: Callable[[S], FastAPI],
    build: Build[S],
) -> int:
    """Do what the command line says; the exit code. `name` is account, content or lead."""
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
        return write_openapi(name, describe(create_app, settings_of), check=arguments.check)
    if arguments.command == "migrate":
        owner = read_settings(MigrationSettings, prefix=f"{name.upper()}_")
        migrations.upgrade(name, owner.migration_database_url)
        return 0
    if arguments.command == "rewrap":
        owner = read_settings(RewrapSettings, prefix=f"{name.upper()}_")
        key_encryption = LocalKeyEncryption(read_keys(owner.kek_file))
        count = asyncio.run(rewrap(owner.migration_database_url, key_encryption))
        print(f"{count} data keys wrapped anew with version {key_encryption.current_version}")
        return 0
    settings = read_settings(settings_of)
    if arguments.command == "api":
        serve(f"{name}_svc-api", settings, create_app)
    else:
        uvloop.run(run_worker(f"{name}_svc-worker", settings, build))
    return 0


def document_of(name: str) -> Path:
    return _API_DOCUMENTS / f"{name}_svc.openapi.json"


def describe(create_app: Callable[[S], FastAPI], settings_of: type[S]) -> bytes:
    """The OpenAPI document, from the routes alone: nothing is opened, no setting is read."""
    settings = settings_of.model_construct(database_url="postgresql://localhost/none")
    document = create_app(cast("S", settings)).openapi()
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
