"""`python -m lead_svc api | worker | migrate | openapi [--check]`."""

import argparse
import sys
from pathlib import Path

import uvicorn
import uvloop

from lead_svc.app import create_app, describe_api
from lead_svc.settings import Settings
from lead_svc.worker import build
from shared import migrations
from shared.logs import configure_logs
from shared.tracing import start_tracing
from shared.worker import run_worker

_OPENAPI = Path(__file__).parents[2] / "docs" / "api" / "lead_svc.openapi.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="lead_svc")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("api", "worker", "migrate"):
        commands.add_parser(name)
    openapi = commands.add_parser("openapi", help="write the API description, or compare it")
    openapi.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.command == "openapi":
        return _openapi(check=arguments.check)
    settings = Settings()
    if arguments.command == "api":
        _serve(settings)
    elif arguments.command == "worker":
        uvloop.run(run_worker("lead_svc-worker", settings, build))
    else:
        migrations.upgrade("lead", settings.migration_database_url)
    return 0


def _serve(settings: Settings) -> None:
    configure_logs("lead_svc-api")
    tracing = start_tracing("lead_svc-api", settings.otlp_endpoint)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
    )
    if tracing is not None:
        tracing.shutdown()


def _openapi(*, check: bool) -> int:
    text = describe_api()
    if not check:
        _OPENAPI.parent.mkdir(parents=True, exist_ok=True)
        _OPENAPI.write_text(text)
        return 0
    if _OPENAPI.exists() and _OPENAPI.read_text() == text:
        return 0
    sys.stderr.write("docs/api/lead_svc.openapi.json differs: run python -m lead_svc openapi\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
