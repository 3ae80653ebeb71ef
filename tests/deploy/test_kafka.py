import shutil
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.local import kafka
from tests.conftest import MakeTopic


async def test_the_broker_keeps_what_it_acknowledged(
    kafka_bootstrap: str, make_topic: MakeTopic
) -> None:
    topic = await make_topic(partitions=3)

    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, enable_idempotence=True) as out:
        sent = await out.send_and_wait(topic, b"value", key=b"key", partition=2)

    async with AIOKafkaConsumer(
        topic, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest"
    ) as reader:
        record = await reader.getone()
    assert (record.partition, record.offset, record.key, record.value) == (
        2,
        sent.offset,
        b"key",
        b"value",
    )


def test_a_changed_jar_is_refused(kafka_bootstrap: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(kafka.default_store(), store)
    with (store / "kafka_2.13-4.3.0.jar").open("ab") as jar:
        jar.write(b"!")

    with pytest.raises(
        kafka.JarRefused, match=r"kafka_2\.13-4\.3\.0\.jar has SHA-256 [0-9a-f]{64}"
    ):
        kafka.fetch_jars(store)


def test_a_repository_that_does_not_answer_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOS_MAVEN_URL", "http://127.0.0.1:9/maven2")

    with pytest.raises(kafka.JarMissing, match="could not be fetched"):
        kafka.fetch_jars(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_the_lock_names_no_host() -> None:
    assert "://" not in kafka.LOCK.read_text()
    assert len(kafka.read_lock()) == 46


def test_a_cluster_id_is_never_taken_for_a_flag() -> None:
    ids = [kafka.new_cluster_id() for _ in range(2_000)]

    assert not [each for each in ids if each.startswith("-")]
    assert {len(each) for each in ids} == {22}
