"""The chart as a cluster would get it: who may do what, and how a pod comes and goes."""

from typing import Any

import pytest
import yaml

from deploy.checks import tools
from deploy.checks.__main__ import CHART, VALUES, Failed, run

Manifest = dict[str, Any]
LEAST = str(next(path for path in VALUES if path.stem == "least"))
PODS = ("Deployment", "StatefulSet", "Job")


@pytest.fixture(scope="module", params=[path.stem for path in VALUES])
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    values = next(path for path in VALUES if path.stem == request.param)
    text = run([tools.helm(), "template", "kos", CHART, "--values", values])
    return [each for each in yaml.safe_load_all(text) if each]


def pod_specs(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {
        f"{each['kind']}/{each['metadata']['name']}": each["spec"]["template"]["spec"]
        for each in manifests
        if each["kind"] in PODS
    }


def test_every_process_is_there(manifests: list[Manifest]) -> None:
    assert set(pod_specs(manifests)) == {
        *(f"Deployment/kos-{name}" for name in ("account", "content", "lead", "gateway")),
        *(f"StatefulSet/kos-{name}-worker" for name in ("account", "content", "lead")),
        *(f"Job/kos-{name}-migrate" for name in ("account", "content", "lead")),
        "Job/kos-topics",
    }


def test_every_pod_is_locked_down_and_bounded(manifests: list[Manifest]) -> None:
    for name, spec in pod_specs(manifests).items():
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]
            if "Job/" not in name:
                probes = ("startupProbe", "livenessProbe", "readinessProbe")
                paths = [container[probe]["httpGet"]["path"] for probe in probes]
                assert paths == ["/healthz", "/healthz", "/readyz"]


def test_no_secret_is_written_only_referred_to(manifests: list[Manifest]) -> None:
    assert [each for each in manifests if each["kind"] == "Secret"] == []
    for spec in pod_specs(manifests).values():
        for entry in spec["containers"][0]["env"]:
            assert not entry["name"].endswith(("DATABASE_URL", "PASSWORD")), entry
    mounted = {
        name: [source["secret"]["name"] for source in volume["projected"]["sources"]]
        for name, spec in pod_specs(manifests).items()
        for volume in spec.get("volumes", [])
        if "projected" in volume
    }
    # the role that owns the tables is for the migrations alone
    owners = [name for name, names in mounted.items() if "kos-migrations" in names]
    assert sorted(owners) == [f"Job/kos-{n}-migrate" for n in ("account", "content", "lead")]


def test_a_worker_takes_its_ordinal_from_its_stable_name(manifests: list[Manifest]) -> None:
    for service in ("account", "content", "lead"):
        spec = pod_specs(manifests)[f"StatefulSet/kos-{service}-worker"]
        (entry,) = (
            each
            for each in spec["containers"][0]["env"]
            if each["name"] == f"{service.upper()}_WORKER_ORDINAL"
        )
        assert entry["valueFrom"]["fieldRef"]["fieldPath"] == (
            "metadata.labels['apps.kubernetes.io/pod-index']"
        )


def test_a_pod_has_longer_to_end_than_it_needs_and_a_successor_first(
    manifests: list[Manifest],
) -> None:
    for each in manifests:
        if each["kind"] == "Deployment":
            assert each["spec"]["strategy"]["rollingUpdate"] == {
                "maxSurge": 1,
                "maxUnavailable": 0,
            }
        if each["kind"] in ("Deployment", "StatefulSet"):
            assert each["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 20


def test_migrations_run_before_the_new_version(manifests: list[Manifest]) -> None:
    jobs = [each for each in manifests if each["kind"] == "Job"]

    assert len(jobs) == 4
    for job in jobs:
        assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"


def test_what_scales_is_not_also_counted_by_the_chart(manifests: list[Manifest]) -> None:
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]
        for each in manifests
        if each["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")
    }
    counted = {
        each["metadata"]["name"]
        for each in manifests
        if each["kind"] in ("Deployment", "StatefulSet") and "replicas" in each["spec"]
    }

    assert scaled.isdisjoint(counted)
    assert len(scaled | counted) == 7


def test_every_pod_that_stays_has_a_disruption_budget(manifests: list[Manifest]) -> None:
    budgets = [
        each["spec"]["selector"]["matchLabels"]
        for each in manifests
        if each["kind"] == "PodDisruptionBudget"
    ]
    selectors = [
        each["spec"]["selector"]["matchLabels"]
        for each in manifests
        if each["kind"] in ("Deployment", "StatefulSet")
    ]

    assert sorted(map(str, budgets)) == sorted(map(str, selectors))


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("drainSeconds=30", "drainSeconds"),
        ("services.lead.worker.replicas=13", "replicas"),
        ("image.repositry=x", "repositry"),
        ("kafka.bootstrap=", "names the brokers"),
        ("networkPolicy.postgres.cidr=", "where PostgreSQL is"),
    ],
)
def test_a_value_that_cannot_be_is_refused(setting: str, complaint: str) -> None:
    command = [str(tools.helm()), "template", "kos", CHART, "--values", LEAST, "--set", setting]

    with pytest.raises(Failed, match=complaint):
        run(command)
