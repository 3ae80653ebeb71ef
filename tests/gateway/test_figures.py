"""Figures that are read as they are: the funnel, the race, a statement."""

from tests.gateway.conftest import Client
from tests.gateway.services import Services


async def test_funnel_race_and_what_converts_come_from_one_query(
    client: Client, services: Services, brand: str
) -> None:
    store = services.add("unit", brand)
    campaign = services.add("camp", brand)
    services.answers["GET lead/funnel"] = lambda request: {
        **dict.fromkeys(
            ("captured", "qualified", "offered", "accepted", "declined", "expired", "pooled"), 4
        ),
        "voided": 0,
        "deals": 2,
        "amount_minor": 39_960_000_00 if request.query["campaign_id"] == campaign else 0,
    }
    services.answers["GET account/race"] = lambda request: {
        "items": [
            {
                "rank": 1,
                "store_id": store,
                "points": 120,
                "accepted_leads": 4,
                "deals": 2,
                "previous_points": 90,
                "league": "all",
                "score": 1.5,
                "is_eligible": True,
                "ineligible_because": None,
                "voided_leads": 0,
                "sellers": 3,
            }
        ],
        "page": {"has_next": False, "end_cursor": None},
    }
    services.answers["GET content/what-converts"] = lambda request: {
        "items": [
            {
                "key": "douyin",
                "posts": 10,
                "views": 2**40,
                "leads": 4,
                "accepted": 4,
                "deals": 2,
                "amount_minor": 5,
                "lead_rate": 0.1,
                "lead_rate_low": 0.05,
                "lead_rate_high": 0.2,
            }
        ]
    }
    query = """query($campaign: ID!) {
      funnel(campaignId: $campaign) {
        campaign { name counts { published held } }
        content { posts views }
        leads { captured accepted deals amountMinor }
      }
      race(period: "2026-11", first: 3) { rank points store { name } }
      whatConverts(by: PLATFORM) { key leads leadRate leadRateLow leadRateHigh }
    }"""

    data = await client.run(query, campaign=campaign)

    assert data == {
        "funnel": {
            "campaign": {"name": "新车上市", "counts": {"published": 2, "held": 1}},
            "content": {"posts": 10, "views": 2**40},
            "leads": {"captured": 4, "accepted": 4, "deals": 2, "amountMinor": 3_996_000_000},
        },
        "race": [{"rank": 1, "points": 120, "store": {"name": "上海一店"}}],
        "whatConverts": [
            {
                "key": "douyin",
                "leads": 4,
                "leadRate": 0.1,
                "leadRateLow": 0.05,
                "leadRateHigh": 0.2,
            }
        ],
    }


async def test_a11_a_statement_names_its_person_and_what_is_paid_out(
    client: Client, services: Services, brand: str
) -> None:
    staff_id = services.add("staff", brand)
    line = {
        "trigger": "deal_won",
        "currency": "CNY",
        "entries": 3,
        "earned": 9_000_000_000,
        "taken_back": 1_000,
        "over_budget": 500,
        "payable": 8_999_998_500,
    }
    services.answers[f"GET account/staff/{staff_id}/statement"] = lambda _: {
        "staff_id": staff_id,
        "period": "2026-11",
        "lines": [line],
    }

    response = await client.post(
        {
            "query": """query($id: ID!) {
              statement(staffId: $id, period: "2026-11") {
                period
                staff { id }
                lines { trigger currency entries earned takenBack overBudget payable }
              }
            }""",
            "variables": {"id": staff_id},
        }
    )

    assert response.json()["data"]["statement"] == {
        "period": "2026-11",
        "staff": {"id": staff_id},
        "lines": [
            {
                "trigger": "DEAL_WON",
                "currency": "CNY",
                "entries": 3,
                "earned": 9_000_000_000,
                "takenBack": 1_000,
                "overBudget": 500,
                "payable": 8_999_998_500,
            }
        ],
    }
