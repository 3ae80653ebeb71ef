"""The command `kos`: the embedded stack and the tools around it.

Each command imports what it works with, so that the quick ones answer quickly.
"""

import asyncio
import logging
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, NoReturn
from uuid import UUID

import typer
from rich.console import Console

from deploy.local.settings import DEMO_BRAND, StackSettings

Role = Literal[
    "brand_admin",
    "region_manager",
    "store_manager",
    "kos",
    "analyst",
    "compliance",
    "scrm",
    "platform_admin",
]
Kind = Literal["units", "staff", "accounts"]
Service = Literal["account", "content", "lead"]
Verb = Literal["replay", "discard"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()


def main() -> None:
    # what libraries log is for `kos up` alone, which keeps it in a file
    logging.getLogger().addHandler(logging.NullHandler())
    app()


@app.command()
def up(
    infrastructure: Annotated[
        bool, typer.Option("--infrastructure", help="Only PostgreSQL and Kafka.")
    ] = False,
    demo: Annotated[bool, typer.Option(help="Play the main job at the first start.")] = True,
) -> None:
    """Start everything and stay in the foreground; Ctrl-C stops it."""
    from deploy.local import up as supervisor

    code = supervisor.up(
        StackSettings(), console, infrastructure_only=infrastructure, plays_demo=demo
    )
    raise typer.Exit(code)


@app.command()
def down() -> None:
    """Stop the stack from elsewhere, and whatever an earlier run left behind."""
    _stop(StackSettings())


def _stop(settings: StackSettings) -> None:
    from deploy.local import process

    stopped = process.stop_leftovers(settings.run_dir)
    console.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop the stack and delete its data, keys and logs; what was downloaded stays."""
    settings = StackSettings()
    if not yes:
        typer.confirm(f"Delete everything in {settings.home}?", abort=True)
    _stop(settings)
    shutil.rmtree(settings.home, ignore_errors=True)
    console.print(f"{settings.home} is gone")


@app.command()
def status() -> None:
    """Every process with its port, age, memory and readiness; exit code 1 when one is not ready."""
    from deploy.local import overview

    raise typer.Exit(overview.show_status(StackSettings(), console))


@app.command()
def logs(
    name: Annotated[str | None, typer.Argument(help="One process; all when absent.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more.")] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="How many to begin with.")
    ] = 20,
) -> None:
    """The last lines of the logs."""
    from deploy.local import overview

    raise typer.Exit(overview.show_logs(StackSettings(), console, name, lines, follow=follow))


@app.command()
def demo() -> None:
    """Play the main job once more on the running stack."""
    from deploy.local import up as supervisor

    try:
        asyncio.run(supervisor.play_demo(StackSettings(), console))
    except supervisor.NotPlayed as error:
        fail(f"{error}.")


@app.command()
def token(
    brand: Annotated[str, typer.Option(help="Typed id of the brand.")] = DEMO_BRAND,
    role: Annotated[Role, typer.Option(help="What its owner may do.")] = "brand_admin",
    unit: Annotated[list[str] | None, typer.Option(help="Units the role covers.")] = None,
    staff: Annotated[str | None, typer.Option(help="The seller, for the role kos.")] = None,
) -> None:
    """An access token of the development issuer, valid for twelve hours."""
    typer.echo(_issue(StackSettings(), brand, [role], unit, staff))


@app.command()
def doctor() -> None:
    """Say what is wrong and how to mend it; exit code 1 when something is."""
    from deploy.local.doctor import find_trouble

    found = find_trouble(StackSettings())
    for name, troubles in found.items():
        if not troubles:
            console.print(f"[green]✓[/] {name}")
        for trouble in troubles:
            console.print(f"[red]✗[/] {name}:", str(trouble), soft_wrap=True, highlight=False)
    raise typer.Exit(1 if any(found.values()) else 0)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or JSONL.")],
    kind: Annotated[Kind | None, typer.Option(help="Read from the columns when absent.")] = None,
    brand: Annotated[str, typer.Option(help="Typed id of the brand.")] = DEMO_BRAND,
) -> None:
    """Import units, staff or accounts; exit code 1 when rows were refused."""
    import httpx

    from deploy.local import bulk_import

    settings = StackSettings()
    try:
        chosen = kind or bulk_import.guess_kind(file)
        access = _issue(settings, brand, ["brand_admin"])
        report = bulk_import.import_file(settings.url("account"), access, file, chosen, console)
    except bulk_import.UnknownFile as error:
        fail(f"{error}.")
    except httpx.HTTPStatusError as error:
        fail(f"account_svc refused the import: {error.response.text}")
    except httpx.TransportError:
        fail(f"account_svc does not answer at {settings.url('account')}; `kos status` shows why.")
    bulk_import.show_report(report, console)
    raise typer.Exit(1 if report["rows_refused"] else 0)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
) -> None:
    """Save databases, event log and assets of the running stack as of one moment; not the keys."""
    from deploy.local.backup.commands import FAILURES, back_up

    try:
        manifest = asyncio.run(back_up(StackSettings(), folder))
    except FAILURES as error:
        fail(f"There is no backup: {error}.")
    records = sum(sum(ends.values()) for ends in manifest.ends.values())
    console.print(
        f"{folder}: {len(manifest.databases)} databases and {records} events; "
        f"commands waited {manifest.held_ms} ms"
    )
    console.print(
        f"The keys are not in it: keep {StackSettings().key_dir} apart from it, and safe."
    )


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
) -> None:
    """Bring a backup back where nothing is yet but the keys; `kos up` then starts from it."""
    from deploy.local.backup.commands import FAILURES, bring_back

    try:
        manifest = asyncio.run(bring_back(StackSettings(), folder, console))
    except FAILURES as error:
        fail(f"Not restored: {error}.")
    console.print(f"restored as of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC; start with `kos up`")


replay_app = typer.Typer(no_args_is_help=True, help="Parked events, and consumers from a time.")
app.add_typer(replay_app, name="replay")

ServiceArgument = Annotated[Service, typer.Argument(help="account, content or lead.")]
EventArgument = Annotated[UUID, typer.Argument(help="Id of the parked event.")]


@replay_app.command("list")
def replay_list(service: ServiceArgument) -> None:
    """The events that a service could not take in, oldest first."""
    from deploy.local import replay

    asyncio.run(replay.show_parked(StackSettings(), console, service))


@replay_app.command("event")
def replay_event(service: ServiceArgument, event_id: EventArgument) -> None:
    """Try a parked event again, now; those parked behind it follow in order."""
    _handle(service, event_id, "replay")


@replay_app.command("discard")
def replay_discard(service: ServiceArgument, event_id: EventArgument) -> None:
    """Give a parked event up, so that the next one of its key may run."""
    _handle(service, event_id, "discard")


@replay_app.command("consumer")
def replay_consumer(
    service: ServiceArgument,
    since: Annotated[datetime, typer.Option(help="UTC, such as 2026-11-22T08:00:00.")],
    consumer: Annotated[str | None, typer.Option(help="<service>_svc when absent.")] = None,
) -> None:
    """Take in again everything published since a time; the service's workers must be stopped."""
    from deploy.local import replay
    from shared.errors import ServiceError

    name = consumer or f"{service}_svc"
    at = since if since.tzinfo else since.replace(tzinfo=UTC)
    try:
        count = asyncio.run(replay.rewind(StackSettings(), service, name, at))
    except (ServiceError, replay.NothingRead) as error:
        fail(f"{error}.")
    console.print(f"{name} will take in {count} events again")


def _handle(service: Service, event_id: UUID, verb: Verb) -> None:
    from deploy.local import replay
    from shared.errors import ServiceError

    try:
        asyncio.run(replay.handle_parked(StackSettings(), service, event_id, verb))
    except ServiceError as error:
        fail(f"{error}.")
    console.print(f"{verb} of {event_id}: done")


def _issue(
    settings: StackSettings,
    brand: str,
    roles: list[Role],
    units: list[str] | None = None,
    staff: str | None = None,
) -> str:
    from deploy.local import identity

    try:
        return identity.issue_token(
            settings.key_dir, brand_id=brand, roles=roles, unit_ids=units or [], staff_id=staff
        )
    except FileNotFoundError:
        fail("There is no issuer yet: `kos up` makes its key at the first start.")


def fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
