"""Whatever is sent to an operation, it answers as its OpenAPI document says, and never with a 5xx.

Schemathesis makes the requests: such as fit the document, and such as do not.
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.config import (
    GenerationConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from deploy.local.databases import SERVICES, Service
from shared.access import Principal
from shared.service import document_of
from tests.isolation import report
from tests.isolation.openapi import list_operations
from tests.isolation.world import World

# The loop that serves draws its jitter in another thread; Hypothesis takes it for the strategy's.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

EXAMPLES = 40 if report.IS_LONG else 2
"""Requests for each operation and kind of data."""

# Any character that can be sent. By its codec it would be the same ones, found by trying each of a
# million.
CONFIG = SchemathesisConfig(
    projects=ProjectsConfig(default=ProjectConfig(generation=GenerationConfig(codec=None)))
)

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
    checks.negative_data_rejection,
]
NOT_USED = {
    "positive_data_acceptance": "ids of things that are not there fit the document and are refused",
    "missing_required_header": "no header is required but the credential, which has its own tests",
    "ignored_auth": "tests/hostile/test_tokens.py and tests/isolation/test_roles.py",
    "use_after_free": "needs links between operations, which the documents do not have",
    "ensure_resource_availability": "likewise",
    "max_response_time": "benchmarks measure time",
}


@dataclass
class Run:
    """One service, asked in a thread while this loop serves it."""

    address: str
    headers: dict[str, str]
    cases: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    covered: set[str] = field(default_factory=set)

    def ask(self, service: Service) -> None:
        """Every operation of the service's document."""
        self.ask_all(service, json.loads(document_of(service).read_bytes()))

    def ask_all(self, service: Service, document: dict[str, Any]) -> None:
        schema = schemathesis.openapi.from_dict(document, config=CONFIG)
        for found in schema.get_all_operations():
            operation: Any = found.ok()  # type: ignore[union-attr]
            for mode in GenerationMode:
                self._ask(operation, mode)
            self.covered.add(f"{service} {operation.method.upper()} {operation.path}")

    def _ask(self, operation: Any, mode: GenerationMode) -> None:
        @hypothesis.settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            self.cases += 1
            answer = case.call(base_url=self.address, headers=self.headers, timeout=30)
            try:
                case.validate_response(answer, checks=CHECKS)
            except (FailureGroup, AssertionError) as failure:
                name = f"{operation.label} {mode.value} {answer.status_code}"
                self.failures[name] = f"{_reasons(failure)}\n{answer.text[:300]}"

        # nothing can be wrong with a request that takes nothing
        with suppress(hypothesis.errors.Unsatisfiable):
            send()


def _reasons(failure: BaseException) -> str:
    inner = getattr(failure, "exceptions", (failure,))
    return "; ".join(str(each)[:300] for each in inner)


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> Service:
    named: Service = request.param
    return named


async def test_answers_are_as_declared(world: World, admin: Principal, service: Service) -> None:
    headers = {"authorization": f"Bearer {world.site.token(admin)}"}
    run = Run(world.apps.addresses[service], headers)

    await asyncio.to_thread(run.ask, service)

    report.note(f"schemathesis, {service}_svc: {len(run.covered)} operations, {run.cases} cases")
    assert run.failures == {}
    assert run.covered == {each.name for each in list_operations() if each.service == service}


async def test_an_answer_that_is_not_as_declared_is_found(world: World, admin: Principal) -> None:
    """The document says of one list that it is a number, and of another that it is never there."""
    document = json.loads(document_of("account").read_bytes())
    units, personas = (document["paths"][path]["get"] for path in ("/units", "/personas"))
    units["responses"]["200"]["content"]["application/json"]["schema"] = {"type": "integer"}
    del personas["responses"]["200"]
    document["paths"] = {"/units": {"get": units}, "/personas": {"get": personas}}
    headers = {"authorization": f"Bearer {world.site.token(admin)}"}
    run = Run(world.apps.addresses["account"], headers)

    await asyncio.to_thread(run.ask_all, "account", document)

    assert {name.split()[1] for name in run.failures} == {"/units", "/personas"}
