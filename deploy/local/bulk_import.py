"""`kos import FILE`: stream a CSV or JSONL file to account_svc and show its report."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

Kind = Literal["units", "staff", "accounts"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MEDIA_TYPES = {".csv": "text/csv", ".jsonl": "application/jsonl", ".ndjson": "application/jsonl"}
# a column that tells the kind, the most telling first
TELLING_COLUMNS: dict[str, Kind] = {
    "parent_code": "units",
    "handle": "accounts",
    "unit_code": "staff",
}
CHUNK_BYTES = 64 * 1024
PROBLEMS_SHOWN = 50


class UnknownFile(Exception):
    """The file is not one of those that can be imported; the message is one sentence."""


def guess_kind(path: Path) -> Kind:
    """Units, staff or accounts, by the columns of the first row. Raises UnknownFile."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
    try:
        columns = next(csv.reader([first])) if _is_csv(path) else list(json.loads(first))
    except (ValueError, TypeError):
        raise UnknownFile(f"the first line of {path} cannot be read") from None
    for column, kind in TELLING_COLUMNS.items():
        if column in columns:
            return kind
    raise UnknownFile(f"{path} does not look like units, staff or accounts: name it with --kind")


def import_file(url: str, token: str, path: Path, kind: Kind, console: Console) -> dict[str, Any]:
    """Send the file in pieces; the answered import is finished. Raises httpx.HTTPError."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": _media_type(path)}
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(f"{path.name} → {kind}", total=path.stat().st_size)

        def pieces() -> Iterator[bytes]:
            with path.open("rb") as file:
                while piece := file.read(CHUNK_BYTES):
                    yield piece
                    bar.advance(task, len(piece))

        answer = httpx.post(
            f"{url}/imports/{kind}",
            content=pieces(),
            headers=headers,
            # the answer comes when the last row is in
            timeout=httpx.Timeout(30, read=600),
        )
    answer.raise_for_status()
    report: dict[str, Any] = answer.json()
    return report


def show_report(report: dict[str, Any], console: Console) -> None:
    rows = ("read", "added", "changed", "unchanged", "refused")
    console.print(", ".join(f"{report[f'rows_{name}']} {name}" for name in rows))
    if report["problems"]:
        table = Table("line", "field", "reason")
        for problem in report["problems"][:PROBLEMS_SHOWN]:
            table.add_row(str(problem["line"]), problem["field"] or "", problem["reason"])
        console.print(table)
    hidden = report["rows_refused"] - len(report["problems"][:PROBLEMS_SHOWN])
    if hidden > 0:
        console.print(f"and {hidden} more refused rows: see import {report['id']}")


def _is_csv(path: Path) -> bool:
    return _media_type(path) == "text/csv"


def _media_type(path: Path) -> str:
    try:
        return MEDIA_TYPES[path.suffix.lower()]
    except KeyError:
        raise UnknownFile(f"{path} is neither .csv nor .jsonl") from None
