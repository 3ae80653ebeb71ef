"""Logs say what happened by id and type; what is not on the list never reaches them."""

import json
import subprocess
import sys
from typing import Any

PHONE = "13800138000"


def lines_of(program: str) -> list[dict[str, Any]]:
    """What a process that logs as ours do writes when it runs the program."""
    setup = (
        "import logging, structlog\n"
        "from shared.logs import configure_logs\n"
        "from shared.tracing import request_id\n"
        "configure_logs('test')\n"
        "log = structlog.get_logger('x')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", setup + program], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_field_that_is_not_on_the_list_is_dropped() -> None:
    [line] = lines_of(
        f"log.info('captured', subject_id='lead_x', phone='{PHONE}', body={{'a': '{PHONE}'}})"
    )

    assert (line["event"], line["subject_id"], line["process"]) == ("captured", "lead_x", "test")
    assert PHONE not in json.dumps(line)


def test_an_exception_is_logged_by_type_and_place_not_by_message() -> None:
    [line] = lines_of(
        f"try:\n    raise ValueError('bad phone {PHONE}')\n"
        "except ValueError:\n    log.exception('failed')"
    )

    assert line["error"] == "ValueError"
    assert line["error_at"] == ["<string>:7 <module>"]
    assert PHONE not in json.dumps(line)


def test_an_exception_of_a_library_is_logged_without_its_message() -> None:
    [line] = lines_of(
        f"try:\n    raise ValueError('bad phone {PHONE}')\n"
        "except ValueError:\n    logging.getLogger('some.library').exception('failed')"
    )

    assert line["error"] == "ValueError"
    assert PHONE not in json.dumps(line)


def test_lines_of_a_request_carry_its_id() -> None:
    [line] = lines_of("request_id.set('req-12345678')\nlog.info('one')")

    assert line["request_id"] == "req-12345678"
