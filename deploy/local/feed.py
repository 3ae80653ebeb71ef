"""One line per event, read from the topics as any consumer would."""

from collections import Counter
from collections.abc import Sequence

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from rich.console import Console
from rich.text import Text

from shared.events import TOPICS
from shared.events.content import PostMeasured

LINES_PER_READ = 20
# figures of every post, again and again: no news
_LEFT_OUT = (PostMeasured.type,)
FACTS_PER_LINE = 6


async def show_events(bootstrap: str, console: Console) -> None:
    """Print what is published from now on, without end; a bulk change is counted, not listed."""
    async with AIOKafkaConsumer(
        *TOPICS, bootstrap_servers=bootstrap, auto_offset_reset="latest"
    ) as reader:
        while True:
            batches = await reader.getmany(timeout_ms=1000, max_records=5000)
            records = [record for batch in batches.values() for record in batch]
            show(sorted(records, key=lambda record: record.timestamp), console)


def show(records: Sequence[ConsumerRecord], console: Console) -> None:
    records = [each for each in records if header(each, "ce_type") not in _LEFT_OUT]
    if len(records) > LINES_PER_READ:
        for name, count in Counter(header(each, "ce_type") for each in records).most_common():
            console.print(Text.assemble((f"{count:>8} × ", "dim"), name))
        return
    for record in records:
        console.print(describe(record), soft_wrap=True)


def describe(record: ConsumerRecord) -> Text:
    """`12:03:22 lead.captured.v1 lead_01j… source=douyin`; events hold no personal data."""
    subject = header(record, "ce_subject")
    data = orjson.loads(record.value)
    facts = [
        f"{name}={value}"
        for name, value in data.items()
        if isinstance(value, str | int | float) and value not in ("", subject)
    ]
    return Text.assemble(
        (header(record, "ce_time")[11:19] + " ", "dim"),
        (header(record, "ce_type").removeprefix("kos.") + " ", "bold"),
        (subject + " ", "cyan"),
        " ".join(facts[:FACTS_PER_LINE]),
    )


def header(record: ConsumerRecord, name: str) -> str:
    """The text of a record's header, empty when it has none."""
    return next((bytes(value).decode() for key, value in record.headers if key == name), "")
