from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.sandbox.harness import Product, listen, running_sandbox, serving


@pytest.fixture
def product() -> Iterator[Product]:
    listener = listen()
    product = Product(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    with serving(product, listener):
        yield product


@pytest.fixture
def sandbox(tmp_path: Path, product: Product) -> Iterator[httpx.Client]:
    with running_sandbox(tmp_path, lead_url=product.url) as client:
        yield client
