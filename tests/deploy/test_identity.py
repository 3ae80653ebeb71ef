import stat
from pathlib import Path

import pytest

from deploy.local import identity
from shared.access import Principal, Role
from shared.authentication import Authenticator, FileKeys
from shared.errors import Unauthenticated
from shared.ids import typed, uuid7
from shared.settings import read_key


def authenticator(folder: Path) -> Authenticator:
    return Authenticator(
        issuer=identity.ISSUER,
        audience=identity.AUDIENCE,
        key_source=FileKeys(folder / "jwks.json"),
        service_secret=read_key(folder / "service-secret"),
    )


async def test_a_development_token_is_what_the_services_verify(tmp_path: Path) -> None:
    identity.ensure_secrets(tmp_path)
    brand, unit, staff = uuid7(), uuid7(), uuid7()

    token = identity.issue_token(
        tmp_path,
        brand_id=typed("brand", brand),
        roles=["store_manager"],
        unit_ids=[typed("unit", unit)],
        staff_id=typed("staff", staff),
    )

    assert await authenticator(tmp_path).authenticate(f"Bearer {token}") == Principal(
        brand_id=brand,
        actor="developer",
        roles=frozenset({Role.STORE_MANAGER}),
        unit_ids=(unit,),
        staff_id=staff,
    )


async def test_a_token_of_another_installation_is_refused(tmp_path: Path) -> None:
    identity.ensure_secrets(tmp_path / "ours")
    identity.ensure_secrets(tmp_path / "theirs")
    token = identity.issue_token(
        tmp_path / "theirs", brand_id=typed("brand", uuid7()), roles=["brand_admin"]
    )

    with pytest.raises(Unauthenticated):
        await authenticator(tmp_path / "ours").authenticate(f"Bearer {token}")


def test_secrets_are_made_once_and_are_the_owners_alone(tmp_path: Path) -> None:
    passwords = identity.ensure_secrets(tmp_path / "keys")
    before = {path.name: path.read_text() for path in (tmp_path / "keys").iterdir()}

    again = identity.ensure_secrets(tmp_path / "keys")

    assert again == passwords
    assert {path.name: path.read_text() for path in (tmp_path / "keys").iterdir()} == before
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_the_published_keys_hold_no_private_half(tmp_path: Path) -> None:
    identity.ensure_secrets(tmp_path)

    assert '"d"' in (tmp_path / "issuer.json").read_text()
    assert '"d"' not in (tmp_path / "jwks.json").read_text()
