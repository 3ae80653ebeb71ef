"""Sealed fields open for their brand, person and field alone, for nobody once the key is gone."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete

from shared.database import brand_session
from shared.ids import uuid7
from shared.sealing import (
    LocalKeyEncryption,
    Unreadable,
    Vault,
    blind_index,
    new_data_key,
    seal,
    unseal,
)
from shared.tables import DataKeyRow
from tests.shared.conftest import Plumbing

BRAND, OTHER, PERSON = (UUID(int=number) for number in (1, 2, 3))


@given(st.binary(max_size=500))
def test_what_is_sealed_opens_again_and_is_29_bytes_longer(value: bytes) -> None:
    key = new_data_key()

    blob = seal(key, value, BRAND, PERSON, "phone")

    assert len(blob) == len(value) + 29
    assert unseal(key, blob, BRAND, PERSON, "phone") == value


@pytest.mark.parametrize(
    ("brand_id", "subject_id", "field"),
    [(OTHER, PERSON, "phone"), (BRAND, OTHER, "phone"), (BRAND, PERSON, "name")],
)
def test_a_blob_moved_elsewhere_does_not_open(brand_id: UUID, subject_id: UUID, field: str) -> None:
    key = new_data_key()
    blob = seal(key, b"+8613800138000", BRAND, PERSON, "phone")

    with pytest.raises(Unreadable):
        unseal(key, blob, brand_id, subject_id, field)


@pytest.mark.parametrize("position", [0, 1, 12, 13, -1])
def test_a_changed_byte_does_not_open(position: int) -> None:
    key = new_data_key()
    blob = bytearray(seal(key, b"+8613800138000", BRAND, PERSON, "phone"))
    blob[position] ^= 1

    with pytest.raises(Unreadable):
        unseal(key, bytes(blob), BRAND, PERSON, "phone")


def test_a_blind_index_differs_by_brand_field_value_and_key() -> None:
    key = bytes(32)
    base = blind_index(key, BRAND, "phone", "+8613800138000")

    assert len(base) == 16
    assert base == blind_index(key, BRAND, "phone", "+8613800138000")
    others = {
        blind_index(key, OTHER, "phone", "+8613800138000"),
        blind_index(key, BRAND, "wechat", "+8613800138000"),
        blind_index(key, BRAND, "phone", "+8613800138001"),
        blind_index(bytes([1]) + bytes(31), BRAND, "phone", "+8613800138000"),
    }
    assert base not in others
    assert len(others) == 4


async def test_keys_made_under_an_old_kek_still_open_after_rotation(plumbing: Plumbing) -> None:
    person = uuid7()
    old = Vault(LocalKeyEncryption({1: bytes(32)}), bytes(32))
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        data_key = await old.create_key(session, plumbing.brand_id, person)

    rotated = Vault(LocalKeyEncryption({1: bytes(32), 2: bytes([2]) * 32}), bytes(32))
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        found = await rotated.keys(session, plumbing.brand_id, [person])
        second = await rotated.create_key(session, plumbing.brand_id, person)

    assert found == {person: data_key}
    assert second == data_key


async def test_an_erased_persons_key_is_gone(plumbing: Plumbing) -> None:
    person, vault = uuid7(), Vault(LocalKeyEncryption({1: bytes(32)}), bytes(32))
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        await vault.create_key(session, plumbing.brand_id, person)
        await session.execute(delete(DataKeyRow).where(DataKeyRow.subject_id == person))

        assert await vault.keys(session, plumbing.brand_id, [person]) == {}


async def test_another_brand_does_not_get_the_key(plumbing: Plumbing) -> None:
    person, vault = uuid7(), Vault(LocalKeyEncryption({1: bytes(32)}), bytes(32))
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        await vault.create_key(session, plumbing.brand_id, person)

    async with brand_session(plumbing.app, uuid7()) as session:
        assert await vault.keys(session, plumbing.brand_id, [person]) == {}
