from tests.gateway.conftest import Client
from tests.gateway.services import Services

PAGE = """
query Leads($first: Int!) {
  leads(first: $first) {
    edges {
      cursor
      node {
        id status score
        contact { name stage }
        staff { name code }
        unit { name city }
        account { handle platform }
        post { url }
        campaign { name }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def add_lead(services: Services, brand: str) -> str:
    unit = services.add("unit", brand)
    staff = services.add("staff", brand, unit_id=unit)
    return services.add(
        "lead",
        brand,
        contact_id=services.add("contact", brand),
        staff_id=staff,
        unit_id=unit,
        account_id=services.add("acct", brand, staff_id=staff, unit_id=unit),
        post_id=services.add("post", brand),
        campaign_id=services.add("camp", brand),
    )


async def test_a_page_of_fifty_leads_with_six_relations_takes_seven_calls(
    client: Client, services: Services, brand: str
) -> None:
    ids = [add_lead(services, brand) for _ in range(51)]

    data = await client.run(PAGE, first=50)

    edges = data["leads"]["edges"]
    assert [edge["node"]["id"] for edge in edges] == ids[:0:-1]
    assert edges[0]["node"] == {
        "id": ids[-1],
        "status": "OFFERED",
        "score": 72,
        "contact": {"name": "王*", "stage": "INTENT"},
        "staff": {"name": "陈晨", "code": "S001"},
        "unit": {"name": "上海一店", "city": "上海"},
        "account": {"handle": "chen", "platform": "DOUYIN"},
        "post": {"url": "https://douyin.test/p/1"},
        "campaign": {"name": "新车上市"},
    }
    assert data["leads"]["pageInfo"] == {"hasNextPage": True, "endCursor": edges[-1]["cursor"]}
    assert sorted(services.calls) == [
        "GET lead/leads",
        "POST account/accounts/by-ids",
        "POST account/staff/by-ids",
        "POST account/units/by-ids",
        "POST content/campaigns/by-ids",
        "POST content/posts/by-ids",
        "POST lead/contacts/by-ids",
    ]
