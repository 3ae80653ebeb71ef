"""Who made a post, read with it through the gateway: content_svc has the post, account_svc the
class that it was made in."""

from tests.isolation.brand import Brand
from tests.isolation.world import World

READ = """query($post: ID!, $advocate: ID!) {
  post(id: $post) { author { postId advocateId classAtPublication classByHistory publishedAt } }
  advocate(id: $advocate) { name relations { kind proof } } }"""


async def test_a14_a_post_is_read_with_the_class_of_its_author(
    world: World, brands: tuple[Brand, Brand]
) -> None:
    own, other = brands
    east = {"post": own.at["east"]["post"][0], "advocate": own.ids["advocate"][0]}

    found = (await world.ask(own.admin, READ, east)).json()
    foreign = (await world.ask(other.admin, READ, east)).json()

    author = found["data"]["post"]["author"]
    assert (author["postId"], author["advocateId"]) == (east["post"], None)
    assert author["classAtPublication"] == author["classByHistory"] == "KOS"
    assert own.canary in found["data"]["advocate"]["name"]
    assert [each["kind"] for each in found["data"]["advocate"]["relations"]] == ["BOUGHT", "BOUGHT"]
    assert foreign["data"] == {"post": None, "advocate": None}
