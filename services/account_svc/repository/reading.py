"""What a caller may see, as conditions of a statement over this database."""

import asyncpg

from shared import reading
from shared.access import Extent

SUBTREES = """array(select below.id from unit root join unit below
    on below.brand_id = root.brand_id
    and below.path >= root.path and below.path < root.path || '\\xff'::bytea
    where root.brand_id = $1 and root.id = any(?::uuid[]))"""
"""The ids of these units and of all below them, for `= any(...)`. No id starts with 0xff (they are
UUIDv7).

As an array they are looked up once. As a subquery of `in` they were joined into the statement, and
its plan before the tables were analysed read them again for each row: 4 s over 209 units.
"""


async def sort_in_memory(connection: asyncpg.Connection) -> None:
    """For a statement that sorts what a whole brand did in a month: what goes to disk takes twice
    as long. Holds until the transaction ends."""
    await connection.execute("set local work_mem = '64MB'")


class Conditions(reading.Conditions):
    def limit_to(self, extent: Extent) -> None:
        """Only rows of the extent's units and seller, by the columns `unit_id` and `staff_id`."""
        if extent.unit_ids is not None:
            self.add(f"{self.alias}.unit_id = any({SUBTREES})", list(extent.unit_ids))
        if extent.staff_id is not None:
            self.add(f"{self.alias}.staff_id = ?", extent.staff_id)
