"""`python -m gateway [serve | schema [--check]]`."""

import argparse
import sys
from pathlib import Path

from gateway.app import create_app
from gateway.schema import schema
from gateway.settings import Settings
from shared.settings import read_settings
from shared.web.serving import serve

DRAIN_SECONDS = 5
SDL = Path(__file__).with_name("schema.graphql")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gateway")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve GraphQL (the default)")
    export = commands.add_parser("schema", help=f"write {SDL.name}")
    export.add_argument("--check", action="store_true", help="fail if the file is out of date")
    arguments = parser.parse_args()
    if arguments.command == "schema":
        return write_schema(check=arguments.check)
    run(read_settings(Settings))
    return 0


def run(settings: Settings) -> None:
    serve(
        "gateway",
        settings,
        create_app,
        ws="websockets-sansio",
        ws_max_size=settings.query_bytes,
        # Subscriptions never end by themselves.
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def write_schema(*, check: bool) -> int:
    text = schema.as_str() + "\n"
    if not check:
        SDL.write_text(text)
        return 0
    if SDL.exists() and SDL.read_text() == text:
        return 0
    print(f"{SDL.name} is out of date: python -m gateway schema", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
