"""The checks of the deployment find what is wrong, and say so when they cannot look."""

from pathlib import Path

import pytest

from deploy.checks import __main__ as checks
from deploy.checks import tools
from deploy.checks.__main__ import Failed
from deploy.checks.tools import CannotRun
from deploy.local.settings import REPOSITORY

BROKEN_MANIFEST = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: worker}
spec:
  selector: {matchLabels: {a: b}}
  serviceName: worker
  replica: 2
  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: w, image: w}]}}
"""


def test_a_bad_dockerfile_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian\nRUN cd /tmp && sudo apt-get install curl\n")
    monkeypatch.setattr(checks, "DOCKERFILE", str(bad))

    with pytest.raises(Failed, match="DL3004"):
        checks.check_dockerfile()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("read_only: true", "readonly: true"), "readonly"),
        (("secrets: [service_secret, jwks]", "secrets: [service_secret, no_such]"), "no_such"),
        (("account-migrate: {condition", "account-migration: {condition"), "account-migration"),
    ],
)
def test_a_bad_compose_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], found: str
) -> None:
    good = (REPOSITORY / "docker-compose.yml").read_text()
    assert change[0] in good
    bad = tmp_path / "docker-compose.yml"
    bad.write_text(good.replace(*change))
    monkeypatch.setattr(checks, "COMPOSE_FILE", str(bad))

    with pytest.raises(Failed, match=found):
        checks.check_compose()


def test_a_bad_manifest_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: bad\nversion: 0.1.0\n")
    (chart / "templates" / "worker.yaml").write_text(BROKEN_MANIFEST)
    values = tmp_path / "values.yaml"
    values.write_text("{}\n")
    monkeypatch.setattr(checks, "CHART", str(chart))
    monkeypatch.setattr(checks, "VALUES", [values])

    with pytest.raises(Failed, match="replica"):
        checks.check_manifests()


def test_a_check_without_its_program_is_told_and_fails_unless_it_may_be_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> str:
        raise CannotRun("there is no such program here")

    monkeypatch.setattr(checks, "CHECKS", {"alerts": missing, "chart": lambda: "v1"})

    assert checks.main() == 1
    told = capsys.readouterr().out
    assert "1 of 2 checks of the deployment did NOT run" in told
    assert told.count("there is no such program here") == 2
    monkeypatch.setenv("KOS_CHECKS_MAY_BE_MISSING", "alerts")
    assert checks.main() == 0
    assert "NOT RUN (allowed)" in capsys.readouterr().out


def test_a_package_with_other_bytes_than_the_lock_names_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "tools.lock"
    other.write_text(f"kubernetes-validate==1.37.0 --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(tools, "LOCK", other)
    monkeypatch.setenv("KOS_CACHE", str(tmp_path))

    with pytest.raises(CannotRun, match=r"(?i)hashes"):
        tools.kubernetes_schemas()
