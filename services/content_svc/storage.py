"""Bytes of assets in an object store: a local folder or S3, chosen by URL."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from obstore.store import LocalStore, ObjectStore, from_url

from content_svc.errors import AssetTooLarge


@dataclass(frozen=True, slots=True)
class Stored:
    bytes: int
    sha256: str


def open_store(url: str) -> ObjectStore:
    """The store behind `file:///folder` (made if it is not there) or `s3://bucket/prefix`."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        Path(parts.path).mkdir(parents=True, exist_ok=True)
        return LocalStore(parts.path)
    return from_url(url)


async def put(
    store: ObjectStore, path: str, chunks: AsyncIterator[bytes], *, largest: int
) -> Stored:
    """Stream to `path`; beyond `largest` bytes AssetTooLarge, and nothing is kept."""
    digest = hashlib.sha256()
    size = 0

    async def measured() -> AsyncIterator[bytes]:
        nonlocal size
        async for chunk in chunks:
            size += len(chunk)
            if size > largest:
                raise AssetTooLarge(f"an asset may have {largest} bytes")
            digest.update(chunk)
            yield chunk

    await store.put_async(path, measured())
    return Stored(size, digest.hexdigest())
