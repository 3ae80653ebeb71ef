"""Whether the services have taken in what was published: committed offsets against log ends."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from deploy.local.demo.client import until
from shared.events import TOPICS

_RELAY_SECONDS = 0.5
"""More than a relay needs from a commit to the topic."""


async def wait_until_caught_up(bootstrap: str) -> None:
    """Until every consumer group has processed all events that are published by now."""
    await asyncio.sleep(_RELAY_SECONDS)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await admin.start()
    await reader.start()
    try:
        partitions = [
            TopicPartition(topic, partition)
            for topic in TOPICS
            for partition in await reader._client._wait_on_metadata(topic)
        ]
        ends = await reader.end_offsets(partitions)

        async def caught_up() -> bool:
            groups = [name for name, _ in await admin.list_consumer_groups()]
            for group in groups:
                committed = await admin.list_consumer_group_offsets(group)
                for partition in await _assigned(admin, group):
                    place = committed.get(partition)
                    if (0 if place is None else place.offset) < ends.get(partition, 0):
                        return False
            return bool(groups)

        await until("the services have taken in all events", caught_up, seconds=120)
    finally:
        await admin.close()
        await reader.stop()


async def _assigned(admin: AIOKafkaAdminClient, group: str) -> list[TopicPartition]:
    """What the members of the group consume now."""
    return [
        TopicPartition(topic, partition)
        for response in await admin.describe_consumer_groups([group])
        for description in response.groups
        for member in description[5]
        for topic, partitions in ConsumerProtocolMemberAssignment.decode(member[-1]).assignment
        for partition in partitions
    ]
