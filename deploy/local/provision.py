"""Create databases, roles and topics in servers of an installation: `python -m
deploy.local.provision databases | topics | all`.

`KOS_POSTGRES_URL` is a superuser's; `KOS_KAFKA_BOOTSTRAP` the brokers; `KOS_TOPIC_REPLICATION` the
copies of a topic. The roles' passwords are read from the JSON object in `KOS_PASSWORDS_FILE`. Safe
to repeat. An administrator may do the same by hand and run none of this.
"""

import argparse
import asyncio
import json
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.local import databases
from shared.events import TOPICS
from shared.kafka import create_topics
from shared.settings import read_settings


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="KOS_")

    postgres_url: str = ""
    passwords_file: Path | None = None
    kafka_bootstrap: str = ""
    topic_replication: int = 3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.provision")
    parser.add_argument("what", choices=["databases", "topics", "all"])
    what = parser.parse_args().what
    settings = read_settings(Settings)
    if what != "topics":
        asyncio.run(provision_databases(settings))
    if what != "databases":
        asyncio.run(provision_topics(settings))


async def provision_databases(settings: Settings) -> None:
    if settings.passwords_file is None or not settings.postgres_url:
        raise SystemExit("set KOS_POSTGRES_URL and KOS_PASSWORDS_FILE")
    passwords = json.loads(settings.passwords_file.read_text())
    for service in databases.SERVICES:
        await databases.provision(settings.postgres_url, service, passwords)
        print(f"database kos_{service} and its roles are there", flush=True)


async def provision_topics(settings: Settings) -> None:
    if not settings.kafka_bootstrap:
        raise SystemExit("set KOS_KAFKA_BOOTSTRAP")
    await create_topics(settings.kafka_bootstrap, TOPICS, replication=settings.topic_replication)
    print(f"{len(TOPICS)} topics are there", flush=True)


if __name__ == "__main__":
    main()
