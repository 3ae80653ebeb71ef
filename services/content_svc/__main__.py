"""`python -m content_svc api | worker | migrate | openapi [--check]`."""

import argparse
import sys
from pathlib import Path

import orjson
import uvicorn
import uvloop

from content_svc.app import create_app
from content_svc.settings import Settings
from content_svc.worker import build
from shared import migrations
from shared.logs import configure_logs
from shared.tracing import start_tracing
from shared.worker import run_worker

OPENAPI = Path(__file__).parents[2] / "docs" / "api" / "content_svc.openapi.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m content_svc")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("api", help="serve HTTP")
    commands.add_parser("worker", help="relay, consume, plan, dispatch, measure")
    commands.add_parser("migrate", help="bring the database to the newest revision")
    openapi = commands.add_parser("openapi", help=f"write docs/api/{OPENAPI.name}")
    openapi.add_argument("--check", action="store_true", help="fail if the file is out of date")
    arguments = parser.parse_args()
    if arguments.command == "api":
        serve(Settings())
    elif arguments.command == "worker":
        uvloop.run(run_worker("content_svc-worker", Settings(), build))
    elif arguments.command == "migrate":
        migrations.upgrade("content", Settings().migration_database_url)
    else:
        return write_openapi(check=arguments.check)
    return 0


def serve(settings: Settings) -> None:
    configure_logs("content_svc-api")
    tracing = start_tracing("content_svc-api", settings.otlp_endpoint)
    try:
        uvicorn.run(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            lifespan="on",
            access_log=False,
            log_config=None,
        )
    finally:
        if tracing is not None:
            tracing.shutdown()


def write_openapi(*, check: bool) -> int:
    """The document is made from the routes alone: nothing is opened, no setting is read."""
    settings = Settings.model_construct(database_url="postgresql://localhost/none")
    document = orjson.dumps(
        create_app(settings).openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    )
    document += b"\n"
    if not check:
        OPENAPI.parent.mkdir(parents=True, exist_ok=True)
        OPENAPI.write_bytes(document)
        return 0
    if OPENAPI.exists() and OPENAPI.read_bytes() == document:
        return 0
    print(f"docs/api/{OPENAPI.name} is out of date: python -m content_svc openapi", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
