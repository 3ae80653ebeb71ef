from pathlib import Path

import pytest

from deploy.local import parts
from deploy.local.databases import SERVICES, ServiceUrls
from deploy.local.parts import Part
from deploy.local.settings import Ports, StackSettings


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    ports = Ports()
    ports.lead, ports.lead_worker, ports.sandbox = 7001, 7002, 7003
    return StackSettings(home=tmp_path, ports=ports)


def find_part(settings: StackSettings, name: str) -> Part:
    urls = {
        service: ServiceUrls(
            owner=f"postgresql://{service}/owner",
            app=f"postgresql://{service}/app",
            worker=f"postgresql://{service}/worker",
            relay=f"postgresql://{service}/relay",
        )
        for service in SERVICES
    }
    [found] = [part for part in parts.list_parts(settings, urls) if part.name == name]
    return found


def test_every_process_of_the_stack_is_there_and_no_port_is_used_twice(
    settings: StackSettings,
) -> None:
    names = [
        "sandbox",
        *("account", "account_worker", "content", "content_worker", "lead", "lead_worker"),
        "gateway",
    ]

    found = [find_part(settings, name) for name in names]

    assert [part.command[-1] for part in found[1:3]] == ["api", "worker"]
    assert len({part.port for part in found}) == len(names)


def test_a_moved_port_is_told_to_all_who_need_it(settings: StackSettings) -> None:
    assert find_part(settings, "lead").port == 7001
    assert find_part(settings, "lead_worker").port == 7002
    assert find_part(settings, "lead").env["LEAD_PORT"] == "7001"
    assert find_part(settings, "lead_worker").env["LEAD_WORKER_PORT"] == "7002"
    assert find_part(settings, "gateway").env["GATEWAY_LEAD_URL"] == "http://127.0.0.1:7001"
    assert find_part(settings, "sandbox").env["SANDBOX_LEAD_URL"] == "http://127.0.0.1:7001"
    assert find_part(settings, "content").env["CONTENT_DOUYIN_URL"] == "http://127.0.0.1:7003"


def test_the_environment_tunes_but_does_not_rewire(
    settings: StackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTENT_REVIEW_POLL_SECONDS", "0.5")
    monkeypatch.setenv("CONTENT_DATABASE_URL", "postgresql://elsewhere/a")

    env = find_part(settings, "content").env

    assert env["CONTENT_REVIEW_POLL_SECONDS"] == "0.5"
    assert env["CONTENT_MEASURE_FIRST_SECONDS"] == "20"
    assert env["CONTENT_DATABASE_URL"] == "postgresql://content/app"
