"""docker-compose.yml: what is secret is a file, and each process gets only what it needs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.docker.secrets import write_secrets
from deploy.local.settings import REPOSITORY

FILE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name: body for name, body in SERVICES.items() if body.get("image", "").startswith("kos/")}
OFFICIAL = ("postgres:", "apache/kafka:", "prom/", "grafana/", "otel/", "kos/")


def test_the_secrets_that_are_asked_for_are_those_that_are_made(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"

    write_secrets(folder)

    made = {path.name for path in folder.iterdir() if path.is_file()}
    used = {name for body in SERVICES.values() for name in body.get("secrets", [])}
    assert made == set(FILE["secrets"]) == used
    assert folder.stat().st_mode & 0o777 == 0o700
    # a container reads them as another user
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir() if path.is_file()} == {0o644}


def test_secrets_made_again_are_the_same(tmp_path: Path) -> None:
    write_secrets(tmp_path)
    before = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}

    write_secrets(tmp_path)

    after = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    assert after == before


@pytest.mark.parametrize("name", OURS)
def test_our_processes_are_locked_down(name: str) -> None:
    body = OURS[name]

    assert body["read_only"] is True
    assert body["cap_drop"] == ["ALL"]
    assert body["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in body["tmpfs"]  # noqa: S108 the containers'


@pytest.mark.parametrize("name", OURS)
def test_only_a_migration_has_the_role_that_owns_the_tables(name: str) -> None:
    secrets = OURS[name].get("secrets", [])
    owners = [each for each in secrets if "migration" in each or "postgres" in each]

    if name.endswith("-migrate"):
        assert owners == secrets == [f"{name.removesuffix('-migrate')}_migration_database_url"]
    elif name != "databases":
        assert owners == []


def test_no_value_that_is_secret_is_in_the_file() -> None:
    for body in SERVICES.values():
        for key, value in body.get("environment", {}).items():
            is_secret = any(word in key for word in ("PASSWORD", "SECRET", "_KEY", "DATABASE_URL"))
            assert not is_secret or str(value).startswith("/run/secrets"), key


def test_images_are_official_ones_or_our_own_targets() -> None:
    for body in SERVICES.values():
        assert body["image"].startswith(OFFICIAL)
        if body["image"].startswith("kos/"):
            assert body["build"]["target"] == body["image"].removeprefix("kos/")


def test_the_extras_are_behind_profiles() -> None:
    profiles = {name: body["profiles"] for name, body in SERVICES.items() if "profiles" in body}

    assert profiles == {"sandbox": ["development"], "collector": ["tracing"]}
