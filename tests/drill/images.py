"""What the image build does, without a container engine: `make images`.

For each image the Dockerfile's steps are taken from the Dockerfile itself: the locked packages into
an environment of their own, the code that is copied, compiled; then its command runs as another
user on files that nobody can write. Proves that the set of packages is enough, that nothing is
written at run time, and that the health check works.
"""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.docker.secrets import write_secrets
from deploy.local.lock import IMAGE_LOCKS, IMAGES
from deploy.local.process import find_free_port
from deploy.local.settings import REPOSITORY
from tests.conftest import reachable_folder
from tests.deploy.test_images import read_dockerfile

pytestmark = pytest.mark.timeout(600)

SERVING = {
    "gateway": {
        "GATEWAY_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "GATEWAY_OIDC_ISSUER": "https://issuer.example",
        "GATEWAY_OIDC_AUDIENCE": "kos",
        "GATEWAY_OIDC_JWKS_FILE": "{secrets}/jwks",
        "GATEWAY_SERVICE_SECRET_FILE": "{secrets}/service_secret",
        "GATEWAY_DRAIN_SECONDS": "0",
    },
    "sandbox": {"SANDBOX_STATE_DIR": "/tmp/kos-image-sandbox"},  # noqa: S108 the container's
}
"""What starts without servers, with its settings."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with reachable_folder() as made:
        yield made
        for path in made.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


def build(image: str, folder: Path) -> Path:
    """`/app` of the image."""
    app = folder / image / "app"
    app.mkdir(parents=True)
    uv = str(Path(sys.executable).with_name("uv"))
    run([uv, "venv", "--quiet", "--python", sys.executable, str(app / "venv")])
    install = [uv, "pip", "install", "--quiet", "--python", str(app / "venv"), "--no-build"]
    run([*install, "--require-hashes", "-r", str(IMAGE_LOCKS / f"{image}.lock")])
    stages = re.split(r"^FROM ", read_dockerfile(), flags=re.MULTILINE)
    (common,) = (stage for stage in stages if stage.split()[2:3] == ["build"])
    (own,) = (stage for stage in stages if stage.split()[2:3] == [f"{image}-build"])
    for sources, target in re.findall(
        r"^COPY (.*?) (/app/\S*)$", f"{common}\n{own}".replace("\\\n", " "), re.MULTILINE
    ):
        for source in sources.split():
            copy(REPOSITORY / source, app.parent / target.removeprefix("/"))
    if "rm -rf /app/shared" in own:
        shutil.rmtree(app / "shared")
    # the build compiles the packages too; that is not what is tried here
    code = [str(app / name) for name in ("shared", "services", "deploy") if (app / name).exists()]
    run([str(app / "venv/bin/python"), "-m", "compileall", "-q", *code])
    return app


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    elif target.is_dir() or str(target).endswith("/") or not target.suffix:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    else:
        shutil.copy(source, target)


def run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def make_read_only(app: Path) -> None:
    for path in (app, *app.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


@pytest.mark.parametrize("image", IMAGES)
def test_the_image_runs_from_files_that_nobody_writes(image: str, folder: Path) -> None:
    app = build(image, folder)
    before = sorted(path.relative_to(app) for path in app.rglob("*"))
    make_read_only(app)

    if image in SERVING:
        serve(image, app, folder)
    else:
        # imports all of api, worker and migrations; opens nothing
        done = subprocess.run([*command_of(image, app), "--help"], check=False, **surroundings(app))
        assert done.returncode == 0, done.stderr
    assert sorted(path.relative_to(app) for path in app.rglob("*")) == before


def command_of(image: str, app: Path) -> list[str]:
    """The stage's entry point."""
    (stage,) = re.findall(
        rf"^FROM run AS {image}\n(.*?)(?=^FROM |\Z)", read_dockerfile(), re.MULTILINE | re.DOTALL
    )
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", stage, re.MULTILINE)
    # root without its capabilities is held to the modes of files as anybody is
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    return [*bare, str(app / "venv/bin/python"), *json.loads(entry)[1:]]


def surroundings(app: Path, **env: str) -> dict[str, Any]:
    """As the container has it: its environment and nothing of ours."""
    path = f"{app}:{app / 'services'}"
    fixed = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}
    return {
        "cwd": app,
        "env": {**fixed, **env},
        "text": True,
        "capture_output": True,
        "timeout": 120,
    }


def serve(image: str, app: Path, folder: Path) -> None:
    """Start it, ask it by the image's own health check, and let it end."""
    port = str(find_free_port())
    secrets_dir = folder / f"{image}-secrets"
    write_secrets(secrets_dir)
    secrets_dir.chmod(0o755)
    settings = {name: value.format(secrets=secrets_dir) for name, value in SERVING[image].items()}
    prefix = image.upper()
    asked = surroundings(app, **settings, **{f"{prefix}_PORT": port, "KOS_HEALTH_PORT": port})
    process = subprocess.Popen(
        command_of(image, app),
        cwd=asked["cwd"],
        env=asked["env"],
        stdout=subprocess.DEVNULL,
    )
    try:
        check = [str(app / "venv/bin/python"), str(app / "healthcheck.py")]
        deadline = time.monotonic() + 60
        while subprocess.run(check, check=False, **asked).returncode != 0:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()
