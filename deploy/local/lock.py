"""Does requirements.lock fit pyproject.toml? `python -m deploy.local.lock [--write]`.

The comparison resolves again, which needs the package index. Without it only the names and
version ranges of the direct dependencies are compared, and that is said.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.local.settings import REPOSITORY

LOCK = REPOSITORY / "requirements.lock"
PROJECT = REPOSITORY / "pyproject.toml"
COMPILE = (
    "pip",
    "compile",
    "--quiet",
    "--generate-hashes",
    "--extra=dev",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-annotate",
    "--no-header",
    "--python-version=3.11",
)
NO_NETWORK = re.compile("error sending request|failed to fetch|dns error|timed out", re.IGNORECASE)


def main(write: bool = False) -> None:
    if write:
        done = _compile(LOCK)
        sys.exit(done.stderr if done.returncode else 0)
    with tempfile.TemporaryDirectory() as folder:
        # versions in an existing output are kept as long as they fit
        fresh = Path(folder) / LOCK.name
        fresh.write_text(LOCK.read_text())
        done = _compile(fresh)
        if done.returncode == 0:
            if fresh.read_text() != LOCK.read_text():
                sys.exit("requirements.lock is out of date: python -m deploy.local.lock --write")
            return
    if not NO_NETWORK.search(done.stderr):
        sys.exit(f"requirements.lock cannot be compared: {done.stderr.strip()}")
    if unfit := find_unfit():
        sys.exit(f"requirements.lock does not fit pyproject.toml: {', '.join(unfit)}")
    print(
        "requirements.lock was compared by names and ranges only: "
        "the package index does not answer.",
        file=sys.stderr,
    )


def find_unfit(project: Path = PROJECT, lock: Path = LOCK) -> list[str]:
    """Direct dependencies that the lock lacks or pins outside of their range."""
    table = tomllib.loads(project.read_text())["project"]
    pins = dict(re.findall(r"^([\w.-]+)(?:\[[^]]*])?==([^\s;]+)", lock.read_text(), re.MULTILINE))
    wanted = [*table["dependencies"], *table["optional-dependencies"]["dev"]]
    return [
        text
        for text in wanted
        for need in [Requirement(text)]
        if (pin := pins.get(canonicalize_name(need.name))) is None or pin not in need.specifier
    ]


def _compile(output: Path) -> "subprocess.CompletedProcess[str]":
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, *COMPILE, PROJECT.name, "-o", str(output)]
    return subprocess.run(command, check=False, cwd=REPOSITORY, capture_output=True, text=True)


if __name__ == "__main__":
    typer.run(main)
