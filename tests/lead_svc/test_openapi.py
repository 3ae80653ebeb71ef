from lead_svc.app import create_app
from lead_svc.settings import Settings
from shared.service import describe, document_of


def test_g7_the_committed_description_is_that_of_the_routes() -> None:
    assert document_of("lead").read_bytes() == describe(create_app, Settings)
