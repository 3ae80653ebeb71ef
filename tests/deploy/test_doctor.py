from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import doctor, kafka, process
from deploy.local.doctor import Trouble
from deploy.local.process import Child
from deploy.local.settings import StackSettings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackSettings:
    monkeypatch.delenv("KOS_POSTGRES_URL", raising=False)
    return StackSettings(home=tmp_path / "home")


@pytest.fixture
def sleeper(settings: StackSettings) -> Iterator[Child]:
    """A child of the stack whose supervisor is gone."""
    child = process.start(
        "lead", ["/bin/sleep", "600"], log=settings.log_dir / "lead.log", run_dir=settings.run_dir
    )
    try:
        yield child
    finally:
        child.stop()


def test_a_full_disk_is_named_with_its_cure(
    settings: StackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "DISK_BYTES_NEEDED", 10**18)

    [trouble] = doctor.check_disk(settings)

    assert trouble.what.startswith(f"The disk of {settings.home.parent} has ")
    assert trouble.what.endswith(" MiB left, 953674316406 MiB are needed.")
    assert trouble.cure == "Free some space, or set KOS_HOME to a folder on another disk."


def test_a_missing_java_is_named_with_its_cure(
    settings: StackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "MINIMUM_JAVA", 99)

    assert list(doctor.check_java(settings)) == [
        Trouble(
            "There is no Java 99 or later to run Kafka with.",
            "Install one or set JAVA_HOME, or name a broker in KOS_KAFKA_BOOTSTRAP.",
        )
    ]


def test_java_is_not_needed_with_a_broker_elsewhere(
    settings: StackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "MINIMUM_JAVA", 99)
    elsewhere = settings.model_copy(update={"kafka_bootstrap": "127.0.0.1:1"})

    assert list(doctor.check_java(elsewhere)) == []


def test_jars_that_are_neither_here_nor_to_be_had_are_named(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOS_CACHE", str(tmp_path))
    monkeypatch.setenv("KOS_MAVEN_URL", "http://127.0.0.1:9")

    [trouble] = doctor.check_kafka_jars(settings)

    assert trouble.what == (
        f"46 jars of Kafka are not in {tmp_path / 'kafka'} "
        "and the Maven repository does not answer."
    )


def test_an_external_server_that_does_not_answer_is_named(
    settings: StackSettings, free_port: Callable[[], int]
) -> None:
    port = free_port()
    elsewhere = settings.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{port}"})

    [trouble] = doctor.check_external_servers(elsewhere)

    assert trouble.what.startswith(
        f"KOS_KAFKA_BOOTSTRAP names 127.0.0.1:{port}, which does not answer: "
    )


def test_processes_without_a_supervisor_are_named(settings: StackSettings, sleeper: Child) -> None:
    assert list(doctor.check_processes(settings)) == [
        Trouble(
            f"An earlier run left processes: lead (pid {sleeper.process.pid}).", "Run `kos down`."
        )
    ]


def test_processes_of_a_living_supervisor_are_fine(settings: StackSettings, sleeper: Child) -> None:
    process.record_self(settings.run_dir)

    assert list(doctor.check_processes(settings)) == []


def test_why_the_last_run_ended_is_remembered(settings: StackSettings) -> None:
    settings.home.mkdir()
    settings.failure_note.write_text("kafka ended with exit code 1.\n")

    assert list(doctor.check_last_run(settings)) == [
        Trouble("kafka ended with exit code 1.", "See `kos logs`, then `kos up`.")
    ]
