"""What the main job came to, from one GraphQL query."""

from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from deploy.local.demo.client import Client

QUERY = """
query Summary($campaign: ID!, $period: String!, $lead: ID!) {
  funnel(campaignId: $campaign) {
    content { posts views }
    leads {
      captured qualified offered accepted declined expired pooled voided deals amountMinor
    }
  }
  race(period: $period, first: 5) { rank points acceptedLeads deals store { name } }
  lead(id: $lead) { decisions { decidedAt outcome tieBreak explanation { manager } } }
}
"""


async def show(client: Client, campaign_id: str, lead_id: str, console: Console) -> None:
    """The funnel, the race of the stores and why one lead went where it went."""
    period = datetime.now(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m")
    data = await client.query(QUERY, {"campaign": campaign_id, "period": period, "lead": lead_id})
    content, leads = data["funnel"]["content"], data["funnel"]["leads"]
    funnel = Table("posts", "views", "leads", "qualified", "accepted", "expired", "deals", "CNY")
    funnel.title = "Funnel of the campaign"
    funnel.add_row(
        *(f"{content[name]:,}" for name in ("posts", "views")),
        *(f"{leads[name]:,}" for name in ("captured", "qualified", "accepted", "expired", "deals")),
        f"{leads['amountMinor'] / 100:,.0f}",
    )
    console.print(funnel)
    race = Table("rank", "store", "points", "leads", "deals", title=f"门店赛马 {period}")
    for row in data["race"]:
        race.add_row(
            str(row["rank"]),
            row["store"]["name"],
            str(row["points"]),
            str(row["acceptedLeads"]),
            str(row["deals"]),
        )
    console.print(race)
    console.print(f"Why {lead_id} went where it went:", style="bold", highlight=False)
    for decision in reversed(data["lead"]["decisions"]):
        console.print(f"  {decision['explanation']['manager']}", highlight=False, soft_wrap=True)
