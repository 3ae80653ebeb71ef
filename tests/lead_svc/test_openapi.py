from pathlib import Path

from lead_svc.app import describe_api

COMMITTED = Path(__file__).parents[2] / "docs" / "api" / "lead_svc.openapi.json"


def test_g7_the_committed_description_is_that_of_the_routes() -> None:
    assert COMMITTED.read_text() == describe_api()
