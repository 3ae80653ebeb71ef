"""The planted bugs still fit the product's code, and their being put in shows."""

import subprocess
import sys

import pytest

from tests.chaos.inject import edits
from tests.chaos.inject.edits import DoesNotFit, Edit
from tests.chaos.planted import find_planted, list_planted

WANTED = {
    "acks_1",
    "auto_commit",
    "commit_before_effect",
    "inbox_outside",
    "missing_force",
    "no_fingerprint",
    "no_inbox",
    "no_row_lock",
    "no_seek_back",
    "plain_text_in_log",
    "poll_by_id",
    "session_level_brand",
    "skip_locked",
    "unsigned_webhook",
}


def test_every_bug_is_there() -> None:
    assert set(list_planted()) >= WANTED


@pytest.mark.parametrize("name", list_planted())
def test_a_bug_fits_the_product(name: str) -> None:
    bug = find_planted(name)

    edits.check(bug.edits)

    assert bug.breaks
    assert bug.edits


@pytest.mark.parametrize(
    "edit",
    [
        Edit("shared.clock", "no such text", ""),
        Edit("shared.clock", "datetime", ""),
        Edit("shared.clock", "def now(", "def now(("),
        Edit("shared.no_such_module", "a", "b"),
    ],
)
def test_what_does_not_fit_is_refused(edit: Edit) -> None:
    with pytest.raises(DoesNotFit):
        edits.check([edit])


def test_an_edited_module_is_what_the_process_imports() -> None:
    program = (
        "from tests.chaos.inject import edits\n"
        "edits.install([edits.Edit('shared.clock', 'def now(', 'def later(')])\n"
        "import shared.clock\n"
        "print(hasattr(shared.clock, 'now'), hasattr(shared.clock, 'later'))\n"
    )

    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert found.stdout.split() == ["False", "True"]


def test_a_process_with_a_bug_that_does_not_fit_does_not_start() -> None:
    program = (
        "from tests.chaos.inject import edits\n"
        "import shared.clock\n"
        "edits.install([edits.Edit('shared.clock', 'def now(', 'def later(')])\n"
    )

    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert found.returncode != 0
    assert "imported before the edits" in found.stderr
