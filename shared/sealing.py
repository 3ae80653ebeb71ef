"""Personal data at rest: one data key per person, wrapped by a key-encryption key (KEK).

Deleting a person's wrapped key makes every sealed copy unreadable, in this database, in Kafka and
in backups. Associated data binds brand, person and field, so a swapped ciphertext does not open.
Blob layout: 1 byte version (0x01), 12 bytes nonce, AES-256-GCM ciphertext with 16 bytes tag.
"""

import hmac
import os
from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import now
from shared.settings import ServiceSettings, read_key, read_keys
from shared.tables import DataKeyRow

_VERSION = b"\x01"
_NONCE_BYTES = 12


class Unreadable(Exception):
    """The blob does not open: another brand, person or field, a destroyed key, or damage."""


class KeyEncryption(Protocol):
    """Wraps data keys. Key files implement it; a KMS would."""

    current_version: int

    def wrap(self, data_key: bytes, brand_id: UUID, subject_id: UUID) -> bytes: ...

    def unwrap(self, wrapped: bytes, version: int, brand_id: UUID, subject_id: UUID) -> bytes: ...


class LocalKeyEncryption:
    """KEKs held in memory, by version, read from files at start."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._keys = {version: AESGCM(key) for version, key in keys.items()}
        self.current_version = max(keys)

    def wrap(self, data_key: bytes, brand_id: UUID, subject_id: UUID) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        version = self.current_version
        context = f"dek|{brand_id}|{subject_id}|{version}".encode()
        return nonce + self._keys[version].encrypt(nonce, data_key, context)

    def unwrap(self, wrapped: bytes, version: int, brand_id: UUID, subject_id: UUID) -> bytes:
        context = f"dek|{brand_id}|{subject_id}|{version}".encode()
        try:
            return self._keys[version].decrypt(
                wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], context
            )
        except (InvalidTag, KeyError) as error:
            raise Unreadable("the data key does not unwrap") from error


def new_data_key() -> bytes:
    return os.urandom(32)


def seal(data_key: bytes, value: bytes, brand_id: UUID, subject_id: UUID, field: str) -> bytes:
    """Encrypt `value`; 29 bytes longer than the value."""
    nonce = os.urandom(_NONCE_BYTES)
    context = f"v1|{brand_id}|{subject_id}|{field}".encode()
    return _VERSION + nonce + AESGCM(data_key).encrypt(nonce, value, context)


def unseal(data_key: bytes, blob: bytes, brand_id: UUID, subject_id: UUID, field: str) -> bytes:
    """The value of a blob; Unreadable if it was sealed for anything else."""
    context = f"v1|{brand_id}|{subject_id}|{field}".encode()
    if blob[:1] != _VERSION:
        raise Unreadable("unknown blob version")
    try:
        return AESGCM(data_key).decrypt(blob[1:13], blob[13:], context)
    except InvalidTag as error:
        raise Unreadable("the blob does not open with this key and context") from error


def blind_index(index_key: bytes, brand_id: UUID, field: str, normal: str) -> bytes:
    """16 bytes to find a sealed value by, per brand and field; `normal` is already normalised."""
    key = hmac.digest(index_key, f"bi|{brand_id}|{field}".encode(), "sha256")
    return hmac.digest(key, normal.encode(), "sha256")[:16]


def open_vault(settings: ServiceSettings) -> "Vault":
    """The vault of a service, with the keys in the files that its settings name."""
    key_encryption = LocalKeyEncryption(read_keys(settings.kek_file))
    return Vault(key_encryption, read_key(settings.index_key_file))


class Vault:
    """Seals and opens personal fields with the data keys of one database."""

    def __init__(self, key_encryption: KeyEncryption, index_key: bytes) -> None:
        self._key_encryption = key_encryption
        self._index_key = index_key

    def index(self, brand_id: UUID, field: str, normal: str) -> bytes:
        return blind_index(self._index_key, brand_id, field, normal)

    def wrap_new(self, brand_id: UUID, subject_id: UUID) -> tuple[bytes, bytes, int]:
        """A fresh data key, its wrapped form and the KEK version, for callers that store it."""
        data_key = new_data_key()
        wrapped = self._key_encryption.wrap(data_key, brand_id, subject_id)
        return data_key, wrapped, self._key_encryption.current_version

    async def create_key(self, session: AsyncSession, brand_id: UUID, subject_id: UUID) -> bytes:
        """The person's data key, made if there is none; safe against a concurrent twin."""
        data_key, wrapped, version = self.wrap_new(brand_id, subject_id)
        inserted = await session.scalar(
            insert(DataKeyRow)
            .values(
                brand_id=brand_id,
                subject_id=subject_id,
                kek_version=version,
                wrapped=wrapped,
                created_at=now(),
            )
            .on_conflict_do_nothing()
            .returning(DataKeyRow.subject_id)
        )
        if inserted is not None:
            return data_key
        return (await self.keys(session, brand_id, [subject_id]))[subject_id]

    async def keys(
        self, session: AsyncSession, brand_id: UUID, subject_ids: list[UUID]
    ) -> dict[UUID, bytes]:
        """The data keys of these persons; an erased person is missing from the answer."""
        rows = await session.execute(
            select(DataKeyRow.subject_id, DataKeyRow.wrapped, DataKeyRow.kek_version).where(
                DataKeyRow.brand_id == brand_id, DataKeyRow.subject_id.in_(subject_ids)
            )
        )
        return {
            subject_id: self.unwrap(wrapped, version, brand_id, subject_id)
            for subject_id, wrapped, version in rows
        }

    def unwrap(self, wrapped: bytes, version: int, brand_id: UUID, subject_id: UUID) -> bytes:
        return self._key_encryption.unwrap(wrapped, version, brand_id, subject_id)
