"""The main job played again on the stack that is there: nothing waits for the first round."""

from deploy.local.demo import setup
from deploy.local.demo.client import until
from tests.e2e.small_brand import list_all, open_brand
from tests.e2e.stack import Running


async def test_second_campaign_of_the_demo_goes_out_at_once(running: Running) -> None:
    async with open_brand(running.urls, "again", platforms=("xiaohongshu",)) as brand:
        client = brand.client
        for code in ("round-1", "round-2"):
            campaign_id = await setup.launch_campaign(client, code)
            arguments = f', campaignId: "{campaign_id}", status: HANDED_OFF'

            async def handed_off(arguments: str = arguments) -> bool:
                handed = await list_all(client, "posts", "id", arguments=arguments)
                return len(handed) == len(brand.people)

            await until(f"every post of {code} is handed to its seller", handed_off)
