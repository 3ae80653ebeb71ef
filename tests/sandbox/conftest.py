"""One sandbox and one stand-in for the product serve all tests; each test finds them empty."""

from collections.abc import Iterator

import httpx
import pytest

from tests.sandbox.harness import Product, listen, running_sandbox, serving


@pytest.fixture(scope="session")
def standing_product() -> Iterator[Product]:
    listener = listen()
    product = Product(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    with serving(product, listener):
        yield product


@pytest.fixture(scope="session")
def standing_sandbox(
    standing_product: Product, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(folder, lead_url=standing_product.url) as client:
        yield client


@pytest.fixture
def product(standing_product: Product) -> Product:
    standing_product.received.clear()
    standing_product.answer = None
    return standing_product


@pytest.fixture
def sandbox(standing_sandbox: httpx.Client, product: Product) -> httpx.Client:
    standing_sandbox.post("/sandbox/reset").raise_for_status()
    return standing_sandbox
