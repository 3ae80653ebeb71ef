"""A key-encryption key is replaced without touching what the data keys seal."""

import base64
from pathlib import Path

import pytest
from sqlalchemy import select

from shared.database import brand_session
from shared.ids import uuid7
from shared.rewrap import rewrap
from shared.sealing import LocalKeyEncryption, Unreadable, Vault
from shared.settings import read_keys
from shared.tables import DataKeyRow
from tests.shared.conftest import Plumbing

OLD, NEW = bytes(32), bytes(range(32))


async def test_data_keys_of_every_brand_open_with_the_new_key_alone(plumbing: Plumbing) -> None:
    old = Vault(LocalKeyEncryption({1: OLD}), b"index")
    people = [(uuid7(), uuid7()) for _ in range(3)]
    made = {}
    for brand_id, person in people:
        async with brand_session(plumbing.app, brand_id) as session:
            made[person] = await old.create_key(session, brand_id, person)

    both = LocalKeyEncryption({1: OLD, 2: NEW})
    counts = [await rewrap(plumbing.urls.owner, both) for _ in range(2)]

    assert counts == [3, 0]
    new = Vault(LocalKeyEncryption({2: NEW}), b"index")
    for brand_id, person in people:
        async with brand_session(plumbing.app, brand_id) as session:
            assert await new.keys(session, brand_id, [person]) == {person: made[person]}


async def test_a_missing_version_changes_nothing(plumbing: Plumbing) -> None:
    person = uuid7()
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        await Vault(LocalKeyEncryption({1: OLD}), b"index").create_key(
            session, plumbing.brand_id, person
        )

    with pytest.raises(Unreadable):
        await rewrap(plumbing.urls.owner, LocalKeyEncryption({2: NEW}))

    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        versions = await session.scalars(select(DataKeyRow.kek_version))
        assert list(versions) == [1]


def test_a_key_file_holds_one_bare_key_or_versions(tmp_path: Path) -> None:
    bare, versions, wrong = (tmp_path / name for name in ("bare", "versions", "wrong"))
    bare.write_text(_base64(OLD) + "\n")
    versions.write_text(f"1:{_base64(OLD)}\n2:{_base64(NEW)}\n")
    wrong.write_text(f"new:{_base64(NEW)}")

    assert read_keys(bare) == {1: OLD}
    assert read_keys(versions) == {1: OLD, 2: NEW}
    with pytest.raises(ValueError, match="a version is a number"):
        read_keys(wrong)


def _base64(key: bytes) -> str:
    return base64.b64encode(key).decode()
