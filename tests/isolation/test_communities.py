"""A community through the gateway: registered, worked in by its people, paid for and taken back."""

from typing import Any

from shared.access import Role
from tests.isolation.brand import Brand
from tests.isolation.world import World

RULE = """mutation($input: SetIncentiveRuleInput!) { setIncentiveRule(input: $input) {
  ... on IncentiveRule { trigger version } ... on Problem { code message } } }"""
REGISTER = """mutation($input: RegisterCommunityInput!) { registerCommunity(input: $input) {
  ... on Community { id status platformGroupId unit { id } host { id } deputy { id } }
  ... on Problem { code message path } } }"""
CHANGE = """mutation($input: ChangeCommunityInput!) { changeCommunity(input: $input) {
  ... on Community { name host { id } deputy { id } } ... on Problem { code message path } } }"""
CLOSE = """mutation($input: OnOne!) { closeCommunity(input: $input) {
  ... on Community { status } ... on Problem { code message path } } }"""
RECORD = """mutation($input: RecordCommunityActivityInput!) {
  recordCommunityActivity(input: $input) {
    ... on CommunityActivity { id kind doneAs staff { id } recordedBy { id } community { id } }
    ... on Problem { code message path } } }"""
VOID = """mutation($input: OnOneWithReason!) { voidCommunityActivity(input: $input) {
  ... on CommunityActivity { status voidReason } ... on Problem { code message path } } }"""
READ = """query($community: ID!, $activity: ID!, $seller: ID!) {
  node(id: $community) { id ... on Community { status } }
  communities(staffId: $seller, status: CLOSED) { nodes { id } }
  communityActivities(communityId: $community) {
    nodes { kind status doneAs unit { id } } }
  communityActivity(id: $activity) { externalId community { platform } } }"""
LEDGER = "query($seller: ID!) { ledger(staffId: $seller) { nodes { cause amount } } }"


async def test_a11_what_is_done_in_a_community_is_paid_and_taken_back_through_the_gateway(
    world: World, brands: tuple[Brand, Brand]
) -> None:
    brand, other = brands
    east = brand.east
    manager, seller = (brand.acting(role, store=east) for role in (Role.STORE_MANAGER, Role.KOS))

    async def ask(who: Any, document: str, **variables: Any) -> Any:
        answer = (await world.ask(who, document, variables)).json()
        assert "errors" not in answer, answer
        await world.settle(brand.id)
        return answer["data"]

    async def do(who: Any, document: str, **given: Any) -> Any:
        (answer,) = (await ask(who, document, input=given)).values()
        return answer

    async def paid() -> list[int]:
        nodes = (await ask(manager, LEDGER, seller=east.staff))["ledger"]["nodes"]
        return [each["amount"] for each in nodes if each["cause"].startswith("activity_")]

    formula = '20 if kind == "event_held" else 3 if has_external_id else 0'
    rule = {"trigger": "COMMUNITY_ACTIVITY", "currency": "points", "formula": formula}
    await do(brand.admin, RULE, **rule)
    given = {"unitId": east.unit, "platform": "WECOM", "platformGroupId": "wrOgQhDgAA"}
    made = await do(manager, REGISTER, **given, name="宝妈群", hostStaffId=east.staff)
    twice = await do(manager, REGISTER, **given, name="又一个", hostStaffId=east.staff)
    beyond = await do(manager, CHANGE, id=made["id"], name="宝妈群", hostStaffId=brand.west.staff)
    fact = {"communityId": made["id"], "externalId": "msg-1"}
    answered = await do(seller, RECORD, **fact, kind="QUESTION_ANSWERED")
    again = await do(seller, RECORD, **fact, kind="QUESTION_ANSWERED")
    differs = await do(seller, RECORD, **fact, kind="FIRST_ORDER")
    held = await do(manager, RECORD, communityId=made["id"], kind="EVENT_HELD", staffId=east.staff)
    unlisted = await do(seller, RECORD, communityId=made["id"], kind="TOPIC_POSTED")
    earned = await paid()
    voided = await do(manager, VOID, id=held["id"], reason="没有办成")
    by_seller = await do(seller, VOID, id=answered["id"], reason="x")
    left = await paid()
    closed = await do(manager, CLOSE, id=made["id"])
    late = await do(seller, RECORD, communityId=made["id"], kind="TOPIC_POSTED")
    asked = {"community": made["id"], "activity": answered["id"], "seller": east.staff}
    read = await ask(seller, READ, **asked)
    hidden = [
        await ask(who, READ, **asked)
        for who in (brand.acting(Role.REGION_MANAGER, store=brand.west), other.admin)
    ]

    assert made["status"] == "OPEN"
    assert (made["unit"]["id"], made["host"]["id"], made["deputy"]) == (east.unit, east.staff, None)
    assert (twice["code"], twice["path"]) == ("community_registered", ["input", "platformGroupId"])
    assert (beyond["code"], beyond["path"]) == ("staff_not_known", ["input", "hostStaffId"])
    assert answered == again
    assert (answered["doneAs"], answered["recordedBy"]) == ("HOST", {"id": east.staff})
    assert (differs["code"], differs["path"]) == ("cause_differs", ["input", "externalId"])
    assert held["recordedBy"] is None
    assert unlisted["kind"] == "TOPIC_POSTED"
    assert sorted(earned) == [0, 3, 20]
    assert voided == {"status": "VOIDED", "voidReason": "没有办成"}
    assert by_seller["code"] == "not_allowed"
    assert sorted(left) == [-20, 0, 3, 20]
    assert closed["status"] == "CLOSED"
    assert (late["code"], late["path"]) == ("community_closed", ["input", "at"])
    assert read["node"] == {"id": made["id"], "status": "CLOSED"}
    assert read["communities"]["nodes"] == [{"id": made["id"]}]
    assert [each["status"] for each in read["communityActivities"]["nodes"]] == [
        "RECORDED",
        "VOIDED",
        "RECORDED",
    ]
    assert read["communityActivity"] == {
        "externalId": "msg-1",
        "community": {"platform": "WECOM"},
    }
    for each in hidden:
        assert (each["node"], each["communityActivity"]) == (None, None)
        assert each["communities"]["nodes"] == []
        assert each["communityActivities"]["nodes"] == []
