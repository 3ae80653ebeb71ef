"""The committed OpenAPI document is the one the routes make."""

from content_svc.app import create_app
from content_svc.settings import Settings
from shared.service import describe, document_of


def test_g7_the_document_is_up_to_date() -> None:
    assert document_of("content").read_bytes() == describe(create_app, Settings)
