import io
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from rich.console import Console

from deploy.local import bulk_import
from deploy.local.bulk_import import Kind, UnknownFile

STAFF_CSV = "code,unit_code,name,phone,is_seller\nS1,U1,陈晓,13800138000,true\n"


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.csv", "\ufeffcode,parent_code,kind,name\n", "units"),
        ("b.csv", STAFF_CSV, "staff"),
        ("c.jsonl", '{"platform": "douyin", "handle": "kos_1"}\n', "accounts"),
    ],
)
def test_the_kind_is_read_from_the_columns(
    tmp_path: Path, name: str, text: str, kind: Kind
) -> None:
    file = tmp_path / name
    file.write_text(text)

    assert bulk_import.guess_kind(file) == kind


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.csv", "city,weather\n", "does not look like units, staff or accounts"),
        ("b.xlsx", "code,parent_code\n", "is neither .csv nor .jsonl"),
        ("c.jsonl", "code,parent_code\n", "cannot be read"),
        ("d.csv", "", "does not look like units, staff or accounts"),
        ("e.jsonl", "5", "cannot be read"),
    ],
)
def test_another_file_is_refused_with_a_reason(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    file = tmp_path / name
    file.write_text(text)

    with pytest.raises(UnknownFile, match=reason):
        bulk_import.guess_kind(file)


@respx.mock
def test_a1_the_file_is_sent_as_it_is_and_the_report_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "staff.csv"
    file.write_text(STAFF_CSV)
    report: dict[str, Any] = {
        "id": "import_1",
        "rows_read": 2,
        "rows_added": 1,
        "rows_changed": 0,
        "rows_unchanged": 0,
        "rows_refused": 1,
        "problems": [{"line": 3, "field": "phone", "reason": "not a phone number"}],
    }
    route = respx.post("http://account/imports/staff").mock(httpx.Response(200, json=report))
    screen = io.StringIO()
    console = Console(file=screen, width=120)

    answer = bulk_import.import_file("http://account", "token", file, "staff", console)
    bulk_import.show_report(answer, console)

    sent = route.calls.last.request
    assert sent.content.decode() == STAFF_CSV
    assert (sent.headers["authorization"], sent.headers["content-type"]) == (
        "Bearer token",
        "text/csv",
    )
    assert "2 read, 1 added, 0 changed, 0 unchanged, 1 refused" in screen.getvalue()
    assert [cell.strip() for cell in screen.getvalue().splitlines()[-2].split("│")[1:-1]] == [
        "3",
        "phone",
        "not a phone number",
    ]
