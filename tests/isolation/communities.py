"""The part of a planted brand's life in which its people look after communities."""

from typing import Any

from shared.clock import now
from tests.isolation.hand import Hand


async def host_communities(planter: Hand) -> None:
    """Each store has a community of its seller's with two activities, of which the second came to
    nothing."""
    for store in (planter.brand.east, planter.brand.west):
        word = planter.text(store.word)
        community = await planter.post(
            "lead",
            "/communities",
            {
                "unit_id": store.unit,
                "name": word,
                "platform": "xiaohongshu",
                "platform_group_id": word,
                "account_id": store.accounts[0],
                "host_staff_id": store.staff,
                "deputy_staff_id": store.mate,
            },
        )
        _, undone = [
            await planter.post(
                "lead",
                "/community-activities",
                {
                    "community_id": community["id"],
                    "kind": "topic_posted",
                    "staff_id": store.staff,
                    "at": now().isoformat(),
                    "external_id": f"{word}-{number}",
                },
            )
            for number in range(2)
        ]
        reason: dict[str, Any] = {"reason": word}
        await planter.post("lead", f"/community-activities/{undone['id']}/void", reason)
    await planter.world.settle(planter.brand.id)
