"""I2, I3, I6: what the tables say and what the topics say is the same story."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from tests.chaos.checker.anomaly import Anomaly
from tests.chaos.checker.evidence import Evidence
from tests.chaos.checker.typeid import uuid_of

# where each kind of aggregate lies: prefix of its typed id, service, table
AGGREGATES = (
    ("unit", "account", "unit"),
    ("staff", "account", "staff"),
    ("acct", "account", "account"),
    ("entry", "account", "ledger_entry"),
    ("camp", "content", "campaign"),
    ("draft", "content", "draft"),
    ("post", "content", "post"),
    ("lead", "lead", "lead"),
    ("contact", "lead", "contact"),
    ("deal", "lead", "deal"),
    ("handover", "account", "handover"),
    ("authorization", "content", "platform_authorization"),
    ("book", "content", "customer_book"),
    ("leadhandover", "lead", "lead_handover"),
    ("contenthandover", "content", "content_handover"),
)


def committed_versions(evidence: Evidence) -> dict[str, dict[UUID, int]]:
    """Versions of the rows, by prefix of the aggregate's typed id and its UUID."""
    return {
        prefix: {row["id"]: row["version"] for row in evidence.rows(service, table)}
        for prefix, service, table in AGGREGATES
    }


def announced_versions(evidence: Evidence) -> dict[str, dict[UUID, set[int]]]:
    found: dict[str, dict[UUID, set[int]]] = defaultdict(lambda: defaultdict(set))
    for key, records in evidence.by_key.items():
        found[key.partition("_")[0]][uuid_of(key)] |= {each.version for each in records}
    return found


def committed_is_announced(evidence: Evidence) -> Iterable[Anomaly]:
    """I2: every version that a row has reached is in its topic, or still waits in the outbox."""
    announced = announced_versions(evidence)
    waiting: dict[UUID, set[int]] = {
        uuid_of(key): versions for key, versions in evidence.waiting.items()
    }
    for prefix, rows in committed_versions(evidence).items():
        for row_id, version in rows.items():
            told = announced[prefix][row_id] | waiting.get(row_id, set())
            missing = sorted(set(range(1, version + 1)) - told)
            if missing:
                yield Anomaly(
                    "I2",
                    f"{prefix} {row_id} is at version {version}, "
                    f"but {_some(missing)} never reached Kafka",
                )


def gapless(evidence: Evidence) -> Iterable[Anomaly]:
    """I3: each aggregate tells its story as 1, 2, 3 …, on one partition."""
    for key, records in evidence.by_key.items():
        versions = [each.version for each in records]
        if versions != list(range(1, len(versions) + 1)):
            yield Anomaly("I3", f"{key} was told as versions {_some(versions)}")
        if len({(each.topic, each.partition) for each in records}) > 1:
            yield Anomaly("I3", f"{key} was told on more than one partition")


def announced_is_committed(evidence: Evidence) -> Iterable[Anomaly]:
    """I6: every event belongs to a row that has reached its version."""
    committed = committed_versions(evidence)
    for key, records in evidence.by_key.items():
        prefix = key.partition("_")[0]
        if prefix not in committed:
            yield Anomaly("I6", f"{key} is of no known kind")
            continue
        version = committed[prefix].get(uuid_of(key), 0)
        too_new = [each.version for each in records if each.version > version]
        if too_new:
            yield Anomaly("I6", f"{key} told versions {_some(too_new)}, its row is at {version}")


def _some(values: list[int]) -> str:
    shown = ", ".join(map(str, values[:12]))
    return shown + (" …" if len(values) > 12 else "")
