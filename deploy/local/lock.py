"""Do the lock files fit pyproject.toml? `python -m deploy.local.lock [--write]`.

requirements.lock is the one environment of a checkout; each image has the part of it that its
processes need, in the same versions. The comparison resolves again, which needs the package index.
Without it only the names and version ranges of the direct dependencies are compared, and that is
said.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.local.settings import REPOSITORY

LOCK = REPOSITORY / "requirements.lock"
PROJECT = REPOSITORY / "pyproject.toml"
IMAGE_LOCKS = REPOSITORY / "deploy" / "docker" / "locks"
CHECKS = REPOSITORY / "deploy" / "checks"
IMAGES = {
    "account_svc": "account",
    "content_svc": "content",
    "lead_svc": "lead",
    "gateway": "gateway",
    "sandbox": "sandbox",
    "provision": "provision",
}
"""The extra that each image installs beside the common dependencies."""

COMPILE = (
    "pip",
    "compile",
    "--quiet",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-annotate",
    "--no-header",
    "--python-version=3.11",
)
NO_NETWORK = re.compile("error sending request|failed to fetch|dns error|timed out", re.IGNORECASE)


@dataclass(frozen=True)
class Locked:
    """One lock file and what it is compiled from."""

    file: Path
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        return str(self.file.relative_to(REPOSITORY))


def list_locks() -> Iterator[Locked]:
    """requirements.lock first: the others take their versions from it."""
    yield Locked(LOCK, (PROJECT.name, "--all-extras"))
    pins = f"--constraint={LOCK.name}"
    for image, extra in IMAGES.items():
        yield Locked(IMAGE_LOCKS / f"{image}.lock", (PROJECT.name, f"--extra={extra}", pins))
    # programs, not libraries: what they depend on as packages is not used
    yield Locked(CHECKS / "tools.lock", (str(CHECKS / "tools.in"), "--no-deps"))


def main(write: bool = False) -> None:
    for locked in list_locks():
        if write:
            done = _compile(locked, locked.file)
            if done.returncode:
                sys.exit(done.stderr)
        elif not _is_fresh(locked):
            sys.exit(f"{locked.name} is out of date: python -m deploy.local.lock --write")


def _is_fresh(locked: Locked) -> bool:
    """Whether compiling again changes nothing; exits when that cannot be told."""
    with tempfile.TemporaryDirectory() as folder:
        # versions in an existing output are kept as long as they fit
        fresh = Path(folder) / locked.file.name
        fresh.write_text(locked.file.read_text())
        done = _compile(locked, fresh)
        if done.returncode == 0:
            return fresh.read_text() == locked.file.read_text()
    if not NO_NETWORK.search(done.stderr):
        sys.exit(f"{locked.name} cannot be compared: {done.stderr.strip()}")
    if unfit := find_unfit():
        sys.exit(f"requirements.lock does not fit pyproject.toml: {', '.join(unfit)}")
    print(
        "requirements.lock was compared by names and ranges only: "
        "the package index does not answer.",
        file=sys.stderr,
    )
    sys.exit(0)


def find_unfit(project: Path = PROJECT, lock: Path = LOCK) -> list[str]:
    """Direct dependencies that the lock lacks or pins outside of their range."""
    table = tomllib.loads(project.read_text())["project"]
    pins = read_pins(lock)
    wanted = [*table["dependencies"], *chain(*table["optional-dependencies"].values())]
    return [
        text
        for text in wanted
        for need in [Requirement(text)]
        if (pin := pins.get(canonicalize_name(need.name))) is None or pin not in need.specifier
    ]


def read_pins(lock: Path) -> dict[str, str]:
    """Versions by the names of the packages."""
    return dict(re.findall(r"^([\w.-]+)(?:\[[^]]*])?==([^\s;]+)", lock.read_text(), re.MULTILINE))


def _compile(locked: Locked, output: Path) -> "subprocess.CompletedProcess[str]":
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, *COMPILE, *locked.arguments, "-o", str(output)]
    return subprocess.run(command, check=False, cwd=REPOSITORY, capture_output=True, text=True)


if __name__ == "__main__":
    typer.run(main)
