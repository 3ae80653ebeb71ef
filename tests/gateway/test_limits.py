"""What a document may ask, counted before it is validated or run."""

from typing import Any

import pytest

from gateway.settings import Settings
from shared.settings import Environment
from tests.gateway.conftest import Client, MakeToken, serve
from tests.gateway.services import Services


async def refused(client: Client, query: str, **variables: Any) -> tuple[int, str]:
    response = await client.post({"query": query, "variables": variables})
    assert "data" not in response.json()
    return response.status_code, response.json()["errors"][0]["extensions"]["code"]


def nested(levels: int) -> str:
    """A document `levels + 2` fields deep."""
    return "{ unit(id: 1) { " + "parent { " * levels + "id" + " }" * levels + " } }"


async def test_g3_depth_eight_runs_and_nine_is_refused(client: Client) -> None:
    assert await client.run(nested(6)) == {"unit": None}
    assert await refused(client, nested(7)) == (400, "too_deep")


async def test_depth_is_counted_through_fragments(client: Client) -> None:
    query = """
      { unit(id: 1) { ...A } }
      fragment A on Unit { parent { parent { parent { ...B } } } }
      fragment B on Unit { parent { parent { parent { parent { id } } } } }
    """

    assert await refused(client, query) == (400, "too_deep")


async def test_g3_thirty_aliases_run_and_thirty_one_are_refused(client: Client) -> None:
    many = " ".join(f"a{n}: __typename" for n in range(30))

    assert len(await client.run("{ " + many + " }")) == 30
    assert await refused(client, "{ " + many + " more: __typename }") == (400, "too_many_aliases")


async def test_aliases_in_fragments_count_every_time_they_are_spread(client: Client) -> None:
    aliases = " ".join(f"a{n}: __typename" for n in range(16))
    query = "{ x: unit(id: 1) { ...A } unit(id: 2) { ...A } } fragment A on Unit { " + aliases + "}"

    assert await refused(client, query) == (400, "too_many_aliases")


async def test_g3_two_thousand_tokens_are_the_most(client: Client) -> None:
    assert await refused(client, "{ " + "__typename " * 2000 + "}") == (400, "syntax")


@pytest.mark.parametrize("around", ["{} ", "... on Query {{ {} }} ", "...B "])
async def test_g3_a_selection_names_a_field_thirty_times_at_most(
    client: Client, around: str
) -> None:
    def repeat(times: int) -> str:
        fields = "unit(id: 1) { id } " * times
        tail = f"fragment B on Query {{ {fields} }}" if around == "...B " else ""
        return "{ " + around.format(fields) + "} " + tail

    assert await client.run(repeat(30)) == {"unit": None}
    assert await refused(client, repeat(31)) == (400, "too_many_repeats")


async def test_g3_cost_is_fields_times_page_size(client: Client, services: Services) -> None:
    query = "query($n: Int!) { leads(first: $n) { nodes { %s } } }"
    nineteen = """id status source sourceLeadId submittedAt capturedAt city product score grade
        keyword channelCode version contact { id } staff { id } unit { id }"""

    assert await client.run(query % nineteen, n=100) == {"leads": {"nodes": []}}
    assert await refused(client, query % (nineteen + " account { id }"), n=100) == (
        400,
        "too_costly",
    )
    assert await client.run(query % (nineteen + " account { id }"), n=90) == {
        "leads": {"nodes": []}
    }


async def test_an_absent_page_size_counts_as_the_default(client: Client) -> None:
    query = "{ campaigns { nodes { posts { nodes { id } } } } }"

    assert await refused(client, query) == (400, "too_costly")


async def test_nested_pages_multiply(client: Client, services: Services) -> None:
    query = (
        "query($n: Int!) { campaigns(first: $n) { nodes { posts(first: 40) { nodes { id } } } } }"
    )

    assert await client.run(query, n=40) == {"campaigns": {"nodes": []}}
    assert await refused(client, query, n=50) == (400, "too_costly")
    assert services.calls == ["GET content/campaigns"]


@pytest.mark.parametrize("first", [-1, 101, 2**31 - 1])
async def test_page_sizes_out_of_range_are_refused(
    client: Client, services: Services, first: int
) -> None:
    literal = f"{{ leads(first: {first}) {{ nodes {{ id }} }} }}"
    variable = "query($n: Int!) { leads(first: $n) { nodes { id } } }"

    assert await refused(client, literal) == (400, "invalid_page_size")
    assert await refused(client, variable, n=first) == (400, "invalid_page_size")
    assert services.calls == []


async def test_a_list_that_is_no_connection_has_a_row_at_least(
    client: Client, services: Services
) -> None:
    query = '{ race(period: "2026-11", first: 0) { rank } }'

    assert await refused(client, query) == (400, "invalid_page_size")
    assert services.calls == []


async def test_a_page_size_of_thousands_of_digits_is_out_of_range(client: Client) -> None:
    query = f"{{ leads(first: {'9' * 5000}) {{ nodes {{ id }} }} }}"

    assert await refused(client, query) == (400, "invalid_page_size")


async def test_fragments_that_double_at_each_level_are_measured_at_once(client: Client) -> None:
    doubling = " ".join(f"fragment F{n} on Unit {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    query = "{ unit(id: 1) { ...F0 } } " + doubling + " fragment F60 on Unit { id }"

    assert await refused(client, query) == (400, "too_costly")


async def test_a_fragment_that_contains_itself_is_reported_as_invalid(client: Client) -> None:
    query = "{ unit(id: 1) { ...A } } fragment A on Unit { id ...A }"

    assert await refused(client, query) == (400, "invalid_document")


async def test_the_cost_of_a_document_follows_its_variables_each_time(client: Client) -> None:
    query = """query($a: Int!, $b: Int!) {
      campaigns(first: $a) { nodes { posts(first: $b) { nodes { id } } } }
    }"""

    for _ in range(2):
        assert await client.run(query, a=10, b=100) == {"campaigns": {"nodes": []}}
        assert await refused(client, query, a=100, b=100) == (400, "too_costly")


async def test_personal_data_in_the_document_is_refused_and_as_a_variable_taken(
    client: Client, services: Services
) -> None:
    services.answers["POST lead/contacts/find"] = lambda _: {"items": []}
    inline = '{ findContacts(phone: "13800138000") { id } }'
    nested_in_input = 'mutation { captureLead(input: {phone: "13800138000"}) { __typename } }'
    variable = "query($phone: String!) { findContacts(phone: $phone) { id } }"

    assert await refused(client, inline) == (400, "personal_literal")
    assert await refused(client, nested_in_input) == (400, "personal_literal")
    assert services.calls == []
    assert await client.run(variable, phone="13800138000") == {"findContacts": []}
    assert services.bodies == [{"phone": "13800138000"}]


async def test_g3_a_caller_has_a_budget_for_each_minute_and_sees_it_shrink(
    settings: Settings, make_token: MakeToken, brand: str
) -> None:
    tight = settings.model_copy(update={"cost_per_minute": 150})
    query = {"query": "{ leads(first: 50) { nodes { id } } }"}
    async with serve(tight) as http:
        mine, other = Client(http, make_token(brand=brand)), Client(http, make_token(brand=brand))

        answers = [await mine.post(query) for _ in range(3)]
        untouched = await other.post(query)

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"cost";q=150;w=60'
    assert answers[0].headers["ratelimit"].startswith('"cost";r=81;t=')
    assert answers[1].headers["ratelimit"].startswith('"cost";r=30;t=')
    assert answers[2].json()["errors"][0]["extensions"] == {"code": "rate_limited"}
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    assert untouched.status_code == 200


async def test_reading_new_documents_is_charged_though_they_are_refused(
    settings: Settings, make_token: MakeToken, brand: str
) -> None:
    tight = settings.model_copy(update={"cost_per_minute": 1200})
    async with serve(tight) as http:
        client = Client(http, make_token(brand=brand))
        found = [
            await refused(client, f"{{ nope{n} {'a ' * 30}{',' * 940} }}") for n in (1, 1, 2, 3)
        ]

    assert found == [(400, "invalid_document")] * 3 + [(429, "rate_limited")]


async def test_introspection_and_suggestions_are_for_development_only(
    client: Client, settings: Settings, make_token: MakeToken, brand: str
) -> None:
    introspection = "{ __schema { queryType { name } } }"
    production = settings.model_copy(update={"environment": Environment.PRODUCTION})

    assert await client.run(introspection) == {"__schema": {"queryType": {"name": "Query"}}}
    wrong = await client.post({"query": "{ lead(id: 1) { statuss } }"})
    async with serve(production) as http:
        there = Client(http, make_token(brand=brand))
        assert await refused(there, introspection) == (400, "invalid_document")
        hidden = await there.post({"query": "{ lead(id: 1) { statuss } }"})
        pages = [await http.get(path) for path in ("/", "/schema.graphql", "/console/console.js")]

    assert "Did you mean" in wrong.json()["errors"][0]["message"]
    assert "Did you mean" not in hidden.json()["errors"][0]["message"]
    assert {page.status_code for page in pages} == {404}


async def test_an_operation_that_takes_too_long_is_cut_off(
    settings: Settings, services: Services, make_token: MakeToken, brand: str
) -> None:
    services.slow["GET lead/leads"] = 30
    hasty = settings.model_copy(update={"query_seconds": 0.2})
    async with serve(hasty) as http:
        response = await Client(http, make_token(brand=brand)).post(
            {"query": "{ leads { nodes { id } } }"}
        )

    assert response.status_code == 503
    assert response.json()["errors"][0]["extensions"] == {"code": "timeout"}
