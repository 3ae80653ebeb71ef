"""Every worker's relay sends: each takes the rows that no other holds."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="several relays share the outbox by SKIP LOCKED",
    edits=(
        Edit(
            "shared.migrations",
            'op.execute(f"grant select, delete on outbox to {relay}")',
            'op.execute(f"grant select, update, delete on outbox to {relay}")',
        ),
        Edit(
            "shared.relay",
            'await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK)',
            'await connection.fetchval("select $1::int > 0", _LOCK)',
        ),
        Edit(
            "shared.relay",
            "                    await _publish_once(connection, producer, service, aside)\n",
            "                    async with connection.transaction():\n"
            "                        await _publish_once(connection, producer, service, aside)\n",
        ),
        Edit(
            "shared.relay",
            'order by id limit $2",\n',
            'order by id limit $2 for update skip locked",\n',
        ),
    ),
    breaks=frozenset({"I3"}),
    shows="was told as versions",
    trouble="a second worker",
)
