"""Check what is deployed with the programs that will read it: `python -m deploy.checks`.

A check whose program cannot be had here is told as NOT RUN and fails the run, unless
`KOS_CHECKS_MAY_BE_MISSING` names it (names with commas between, or `all`).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from deploy.checks import tools
from deploy.checks.tools import CannotRun
from deploy.local.settings import REPOSITORY

DOCKERFILE = "deploy/docker/Dockerfile"
COMPOSE_FILE = "docker-compose.yml"
CHART = "deploy/helm"
VALUES = sorted((REPOSITORY / CHART / "ci").glob("*.yaml"))
PROMETHEUS = REPOSITORY / "deploy" / "prometheus"
OWN_SCHEMAS = REPOSITORY / "deploy" / "checks" / "schemas"
# what the file asks for and has no default of its own
COMPOSE_ENVIRONMENT = {"KOS_OIDC_ISSUER": "https://issuer.example"}


class Failed(Exception):
    """The program found something; the message is what it said."""


def check_dockerfile() -> str:
    hadolint = tools.hadolint()
    run([hadolint, "--failure-threshold", "style", DOCKERFILE])
    return run([hadolint, "--version"]).split()[-1]


def check_compose() -> str:
    """By the specification's own loader, and by Docker's client where it has the command."""
    loaded = json.loads(run([tools.compose(), COMPOSE_FILE], env=COMPOSE_ENVIRONMENT))
    said = f"compose-go, {len(loaded['services'])} services"
    version = ["docker", "compose", "version", "--short"]
    if shutil.which("docker") is None or not (found := _ask(version)):
        return f"{said}; no docker compose here to ask as well"
    config = ["docker", "compose", "--profile", "*", "config", "--quiet"]
    run(config, env=COMPOSE_ENVIRONMENT)
    return f"{said}; docker compose {found}"


def _ask(command: Sequence[str]) -> str:
    """What the command printed, empty when it does not know what it was asked."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def check_chart() -> str:
    helm = tools.helm()
    for values in VALUES:
        run([helm, "lint", "--strict", "--values", values, CHART])
    return run([helm, "version", "--short"]).strip()


def check_manifests() -> str:
    helm, kubeconform = tools.helm(), tools.kubeconform()
    schemas = tools.kubernetes_schemas()
    places = [
        f"{schemas}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json",
        f"{OWN_SCHEMAS}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json",
    ]
    options = [word for place in places for word in ("-schema-location", place)]
    with tempfile.TemporaryDirectory() as folder:
        for values in VALUES:
            text = run([helm, "template", "kos", CHART, "--values", values])
            (Path(folder) / values.name).write_text(text)
        told = run([kubeconform, "-strict", "-output", "json", "-summary", *options, folder])
    count = json.loads(told)["summary"]["valid"]
    version = re.search(r"kubeconform (v\S+)", (tools.GO / "go.mod").read_text())
    assert version is not None
    return f"kubeconform {version[1]}, Kubernetes {tools.KUBERNETES}, {count} manifests"


def check_alerts() -> str:
    promtool = tools.promtool()
    run([promtool, "check", "config", PROMETHEUS / "prometheus.yml"])
    run([promtool, "test", "rules", "rules_test.yml"], folder=PROMETHEUS)
    done = subprocess.run([promtool, "--version"], check=True, capture_output=True, text=True)
    return (done.stdout or done.stderr).split(",")[1].split("(")[0].strip()


def check_collector() -> str:
    """Every component of a pipeline is configured, and every configured one is used."""
    config = yaml.safe_load((REPOSITORY / "deploy" / "otel" / "collector.yml").read_text())
    service = config["service"]
    kinds = ("receivers", "processors", "exporters")
    used = {
        kind: {name for pipeline in service["pipelines"].values() for name in pipeline[kind]}
        for kind in kinds
    } | {"extensions": set(service["extensions"])}
    for kind, names in used.items():
        if names != set(config[kind]):
            raise Failed(f"{kind}: {sorted(names)} are used, {sorted(config[kind])} configured")
    return "structure only: the collector itself is not built"


CHECKS: dict[str, Callable[[], str]] = {
    "dockerfile": check_dockerfile,
    "compose": check_compose,
    "chart": check_chart,
    "manifests": check_manifests,
    "alerts": check_alerts,
    "collector": check_collector,
}


def run(
    command: Sequence[str | Path], *, folder: Path = REPOSITORY, env: dict[str, str] | None = None
) -> str:
    """What the program printed; Failed with all that it said when it is not content."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, **(env or {})},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise Failed(f"{Path(command[0]).name}: {(done.stdout + done.stderr).strip()}")
    return done.stdout


def main() -> int:
    may_be_missing = os.environ.get("KOS_CHECKS_MAY_BE_MISSING", "").split(",")
    lines, is_bad = [], False
    for name, check in CHECKS.items():
        started = time.monotonic()
        try:
            outcome, text = "ok", check()
        except Failed as error:
            outcome, text, is_bad = "FAILED", str(error), True
        except CannotRun as error:
            is_allowed = name in may_be_missing or "all" in may_be_missing
            outcome, text = "NOT RUN" + (" (allowed)" if is_allowed else ""), str(error)
            is_bad = is_bad or not is_allowed
        lines.append(f"{name:15} {outcome:8} {time.monotonic() - started:5.1f} s  {text}")
        print(lines[-1], flush=True)
    missing = [line for line in lines if "NOT RUN" in line]
    if missing:
        print(f"\n{len(missing)} of {len(lines)} checks of the deployment did NOT run:")
        print("\n".join(missing))
        print("KOS_CHECKS_MAY_BE_MISSING=NAME,… allows that.")
    return 1 if is_bad else 0


if __name__ == "__main__":
    sys.exit(main())
