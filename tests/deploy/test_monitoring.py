"""What the dashboard and the alerts ask for is what the processes tell."""

import json
import re
from collections.abc import Iterator

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

# importing the roles' modules registers every metric that the processes export
import account_svc.app
import account_svc.worker
import content_svc.app
import content_svc.worker
import gateway.app
import lead_svc.app
import lead_svc.worker
from deploy.local.settings import REPOSITORY
from shared.events import event_types

ROLES = (
    account_svc.app,
    account_svc.worker,
    content_svc.app,
    content_svc.worker,
    gateway.app,
    lead_svc.app,
    lead_svc.worker,
)
RULES = REPOSITORY / "deploy" / "prometheus" / "rules.yml"
DASHBOARD = REPOSITORY / "deploy" / "grafana" / "dashboards" / "kos.json"
OPERATIONS = REPOSITORY / "docs" / "operations.md"
# of Prometheus itself
SCRAPED = {"up": {"job", "instance"}}
ADDED_BY_SCRAPE = {"job", "instance"}
SELECTOR = re.compile(r"\b(up|kos_\w+)(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\bby \(([^)]*)\)")


def exported() -> dict[str, set[str]]:
    """Names of series with their labels, as `/metrics` writes them."""
    found: dict[str, set[str]] = {}
    for collector in set(REGISTRY._names_to_collectors.values()):
        if not isinstance(collector, MetricWrapperBase):
            continue
        labels = set(collector._labelnames)
        for family in collector.describe():
            if family.type == "counter":
                found[f"{family.name}_total"] = labels
            elif family.type == "histogram":
                found[f"{family.name}_bucket"] = labels | {"le"}
                found[f"{family.name}_sum"] = found[f"{family.name}_count"] = labels
            else:
                found[family.name] = labels
    return found


def dashboard_panels() -> list[dict[str, object]]:
    panels: list[dict[str, object]] = json.loads(DASHBOARD.read_text())["panels"]
    return panels


def dashboard_expressions() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]


def rule_expressions() -> Iterator[str]:
    """Between `expr:` and the key that follows it."""
    for block in re.findall(r"expr: (.*?)\n +(?:for|labels):", RULES.read_text(), re.DOTALL):
        yield re.sub(r"\s+", " ", block.removeprefix(">-"))


def alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", RULES.read_text())


EXPRESSIONS = [*rule_expressions(), *dashboard_expressions()]


def test_there_are_as_many_expressions_as_alerts_and_panels() -> None:
    assert len(list(rule_expressions())) == len(alerts()) > 15
    assert len(list(dashboard_expressions())) > 30


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_in_use_exists(expression: str) -> None:
    known = exported() | SCRAPED

    used = SELECTOR.findall(expression)

    assert used
    assert [name for name, _ in used if name not in known] == []
    for name, selector in used:
        asked = set(re.findall(r"(\w+)\s*[=!]~?", selector))
        assert asked <= known[name] | ADDED_BY_SCRAPE, (name, asked)
    offered = ADDED_BY_SCRAPE.union(*(known[name] for name, _ in used))
    for names in GROUPING.findall(expression):
        assert {name.strip() for name in names.split(",")} <= offered


def test_every_event_type_in_use_exists() -> None:
    types = {event.type for event in event_types()}
    asked = [pattern for text in EXPRESSIONS for pattern in re.findall(r'type=~?"([^"]+)"', text)]

    assert asked
    assert [each for each in asked if not any(re.fullmatch(each, kind) for kind in types)] == []


def test_every_alert_has_a_test_that_fires_it_and_is_silent_on_a_quiet_day() -> None:
    tests = yaml.safe_load(RULES.with_name("rules_test.yml").read_text())["tests"]
    fired: list[str] = []
    quiet: list[str] = []
    for test in tests:
        for each in test["alert_rule_test"]:
            (fired if each.get("exp_alerts") else quiet).append(each["alertname"])

    assert sorted(fired) == sorted(quiet) == sorted(alerts())


def test_the_dashboard_has_a_row_for_each_question() -> None:
    rows = [panel["title"] for panel in dashboard_panels() if panel["type"] == "row"]

    assert rows == ["Are leads flowing?", "What is late?", "What is parked?"]
    assert len({panel["id"] for panel in dashboard_panels()}) == len(dashboard_panels())


def test_every_alert_is_in_the_handbook_with_its_line_and_the_other_way_round() -> None:
    lines = RULES.read_text().splitlines()
    places = {
        found[1]: number
        for number, line in enumerate(lines, 1)
        if (found := re.search(r"- alert: (\w+)", line))
    }

    row = re.compile(r"^\| \[(Kos\w+)\]\([^)]*rules\.yml#L(\d+)\)", re.MULTILINE)
    told = dict(row.findall(OPERATIONS.read_text()))

    assert {name: int(number) for name, number in told.items()} == places
