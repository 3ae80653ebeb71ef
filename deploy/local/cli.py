"""The command `kos`: the embedded stack and the tools around it."""

import asyncio
import shutil
from typing import Annotated

import typer
from rich.console import Console

from deploy.local import identity, overview, process
from deploy.local import up as supervisor
from deploy.local.doctor import find_trouble
from deploy.local.settings import DEMO_BRAND, StackSettings
from shared.access import Role

STOP_SECONDS = 60

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()


def main() -> None:
    app()


@app.command()
def up(
    infrastructure: Annotated[
        bool, typer.Option("--infrastructure", help="Only PostgreSQL and Kafka.")
    ] = False,
    demo: Annotated[bool, typer.Option(help="Play the main job at the first start.")] = True,
) -> None:
    """Start everything and stay in the foreground; Ctrl-C stops it."""
    code = supervisor.up(
        StackSettings(), console, infrastructure_only=infrastructure, plays_demo=demo
    )
    raise typer.Exit(code)


@app.command()
def down() -> None:
    """Stop the stack from elsewhere, and whatever an earlier run left behind."""
    stop(StackSettings())


def stop(settings: StackSettings) -> None:
    found = process.find_leftovers(settings.run_dir)
    supervisors = [each for each in found if each.name == process.SUPERVISOR]
    for each in supervisors:
        each.process.terminate()
        each.process.wait(STOP_SECONDS)
    left = process.stop_leftovers(settings.run_dir)
    stopped = [*(each.name for each in supervisors), *left]
    console.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop the stack and delete its data, keys and logs; what was downloaded stays."""
    settings = StackSettings()
    if not yes:
        typer.confirm(f"Delete everything in {settings.home}?", abort=True)
    stop(settings)
    shutil.rmtree(settings.home, ignore_errors=True)
    console.print(f"{settings.home} is gone")


@app.command()
def status() -> None:
    """Every process with its port, age, memory and readiness; exit code 1 when one is not ready."""
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
    raise typer.Exit(overview.show_logs(StackSettings(), console, name, lines, follow=follow))


@app.command()
def demo() -> None:
    """Play the main job once more on the running stack."""
    asyncio.run(supervisor.play_demo(StackSettings(), console))


@app.command()
def token(
    brand: Annotated[str, typer.Option(help="Typed id of the brand.")] = DEMO_BRAND,
    role: Annotated[list[Role] | None, typer.Option(help="May be repeated.")] = None,
    unit: Annotated[list[str] | None, typer.Option(help="Units the role covers.")] = None,
    staff: Annotated[str | None, typer.Option(help="The seller, for the role kos.")] = None,
) -> None:
    """An access token of the development issuer, valid for twelve hours."""
    settings = StackSettings()
    try:
        text = identity.issue_token(
            settings.key_dir,
            brand_id=brand,
            roles=role or [Role.BRAND_ADMIN],
            unit_ids=unit or [],
            staff_id=staff,
        )
    except FileNotFoundError:
        fail("There is no issuer yet: `kos up` makes its key at the first start.")
    typer.echo(text)


@app.command()
def doctor() -> None:
    """Say what is wrong and how to mend it; exit code 1 when something is."""
    found = find_trouble(StackSettings())
    for name, troubles in found.items():
        if not troubles:
            console.print(f"[green]✓[/] {name}")
        for trouble in troubles:
            console.print(f"[red]✗[/] {name}:", str(trouble), soft_wrap=True, highlight=False)
    raise typer.Exit(1 if any(found.values()) else 0)


def fail(sentence: str) -> None:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
