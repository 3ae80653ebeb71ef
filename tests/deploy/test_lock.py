from pathlib import Path

from deploy.local import lock

PROJECT = """
[project]
dependencies = ["SQLAlchemy[asyncio]>=2.1", "httpx"]
[project.optional-dependencies]
dev = ["pytest"]
"""


def test_the_lock_fits_the_project() -> None:
    assert lock.find_unfit() == []


def test_a_missing_and_an_outdated_pin_are_named(tmp_path: Path) -> None:
    project, pins = tmp_path / "pyproject.toml", tmp_path / "requirements.lock"
    project.write_text(PROJECT)
    pins.write_text("sqlalchemy[asyncio]==2.0.40 \\\n    --hash=sha256:0\npytest==9.0.0\n")

    assert lock.find_unfit(project, pins) == ["SQLAlchemy[asyncio]>=2.1", "httpx"]


def test_the_lock_names_no_package_index() -> None:
    assert "://" not in lock.LOCK.read_text()
