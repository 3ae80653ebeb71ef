"""The relay remembers the last id it has sent and asks for what comes after it."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="the relay follows a cursor over ids",
    edits=(
        Edit(
            "shared.relay",
            '        "where topic <> all($1::text[]) order by id limit $2",\n'
            "        aside.current(),\n"
            "        _ROWS,\n"
            "    )\n",
            '        "where topic <> all($1::text[]) and id > $3 order by id limit $2",\n'
            "        aside.current(),\n"
            "        _ROWS,\n"
            '        aside.until.get("last id", 0),\n'
            "    )\n",
        ),
        Edit(
            "shared.relay",
            "    if acknowledged:\n",
            '    if acknowledged:\n        aside.until["last id"] = max(acknowledged)\n',
        ),
        Edit(
            "shared.relay",
            "if until > at}\n",
            'if until > at or topic == "last id"}\n',
        ),
    ),
    breaks=frozenset({"I2", "I3", "I12"}),
    shows="was told as versions|never reached Kafka|outbox [1-9]",
    trouble="slow apis",
)
