"""The offset is committed when the records have come, before they took effect."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="offsets are committed before the effects",
    edits=(
        Edit(
            "shared.consumer",
            "                ends = await self._process(batch.values())\n"
            "                await self._commit(consumer, batch, ends)\n",
            "                ends = [records[-1].offset + 1 for records in batch.values()]\n"
            "                await self._commit(consumer, batch, ends)\n"
            "                await self._process(batch.values())\n",
        ),
    ),
    breaks=frozenset({"I4", "I7", "I12"}),
    shows="waits for version",
    trouble="slow workers killed",
)
