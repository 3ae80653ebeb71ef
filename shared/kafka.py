"""Kafka, behind one small port: topics, producers and the CloudEvents binding (binary mode)."""

from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

PARTITIONS = 12


async def create_topics(
    bootstrap: str, topics: Iterable[str], *, partitions: int = PARTITIONS, replication: int = 1
) -> None:
    """Create the topics that do not exist yet; safe to repeat."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [
            NewTopic(name, partitions, replication) for name in topics if name not in existing
        ]
        if missing:
            await admin.create_topics(missing)
    except TopicAlreadyExistsError:
        pass  # another process created them at the same moment
    finally:
        await admin.close()
