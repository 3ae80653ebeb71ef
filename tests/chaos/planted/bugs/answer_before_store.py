"""A hook is answered when its delivery is queued, not when it is durable."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="hooks are answered before they are stored",
    edits=(
        Edit(
            "lead_svc.intake.edge",
            "        is_new = await intake.writer.write(receipt)\n",
            "        import asyncio\n"
            "        asyncio.get_running_loop().call_later(\n"
            "            1.0, lambda: asyncio.ensure_future(intake.writer.write(receipt))\n"
            "        )\n"
            "        is_new = True\n",
        ),
    ),
    breaks=frozenset({"I1"}),
    shows="was acknowledged, but",
    trouble="apis killed",
)
