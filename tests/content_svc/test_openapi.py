"""The committed OpenAPI document is the one the routes make."""

from content_svc.__main__ import write_openapi


def test_the_document_is_up_to_date() -> None:
    assert write_openapi(check=True) == 0
