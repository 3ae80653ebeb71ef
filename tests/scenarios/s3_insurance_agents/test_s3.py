"""S3, insurance agents: batches of agents are hatched behind training gates."""

from pathlib import Path

import yaml

from shared.access import Role
from shared.clock import now
from tests.isolation.world import World
from tests.scenarios.stage import Json, Stage

CASE = yaml.safe_load((Path(__file__).parent / "case.yaml").read_text())
CHECK = """query($staff: ID!, $right: Right!) { checkRight(staffId: $staff, right: $right) {
  isHeld denial { code courses { code name } } } }"""
LEAD = """query($id: ID!) { lead(id: $id) { status staff { code }
  decisions { outcome candidates { isChosen rejectedBecause staff { code } } } } }"""
PAIR = """query($unit: ID!) { pairs(unitId: $unit, first: 50) {
  nodes { state mayOpenTransfer denial staff { code }
    fields { field score } } } }"""
ACCOUNTS = "query($staff: ID!) { accounts(staffId: $staff) { nodes { id domain } } }"
TRANSFERS = """query($staff: ID!) {
  transfers(staffId: $staff) { nodes { id step privateAccount { platform } } }
  ledger(staffId: $staff) { nodes { cause amount } } }"""
COMPLIANCE = """query($input: ComplianceCheckInput!) {
  checkCompliance(input: $input) { verdict findings { ruleId } } }"""


class Hatchery:
    """The batches of the case, and who of them has passed."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.passed: list[str] = []
        self.failed: list[str] = []
        self.course = ""

    async def open(self) -> None:
        stage = self.stage
        await stage.bring_in("units", CASE["units"])
        course = await stage.do("addCourse", CASE["course"], "id")
        self.course = course["id"]
        for right in CASE["gated"]:
            needs = {"right": right, "courseIds": [self.course]}
            await stage.do("requireCourses", needs, "version")
        policy = {
            "steps": ["AUTHOR", "STORE", "REGION"],
            "offerMinutesByGrade": dict.fromkeys("ABCD", 30),
            "maxOffers": 3,
            "requiredRight": "HANDLING_LEADS",
        }
        await stage.do("setRoutingPolicy", policy, "version")
        content = {"industry": CASE["brand"]["industry"]}
        await stage.do("setContentPolicy", content, "industry")
        await stage.do("addPersona", CASE["persona"], "id")

    async def hatch(self, batch: Json) -> list[str]:
        """A batch arrives, gets its accounts and sits its exam; its codes."""
        stage = self.stage
        people = [
            {
                "code": f"{unit}-{batch['name']}-{number}",
                "unit_code": unit,
                "name": f"{batch['name']}{number}号",
            }
            for unit, count in batch["agents"].items()
            for number in range(1, count + 1)
        ]
        await stage.bring_in("staff", people)
        await stage.bring_in(
            "accounts",
            [
                {
                    "platform": platform,
                    "handle": f"{domain}-{one['code']}",
                    "display_name": CASE["look"]["good"]["name"],
                    "domain": domain,
                    "seat": "kos",
                    "unit_code": one["unit_code"],
                    "staff_code": one["code"],
                    "persona_kind": CASE["persona"]["kind"].lower(),
                    "status": "active",
                }
                for one in people
                for platform, domain in (("xiaohongshu", "public"), ("wecom", "private"))
            ],
        )
        left = dict(batch["pass"])
        for one in people:
            passes = left[one["unit_code"]] > 0
            left[one["unit_code"]] -= 1
            await self._sit(one["code"], passes=passes)
        await stage.settle()
        return [one["code"] for one in people]

    async def _sit(self, agent: str, *, passes: bool) -> None:
        stage, by = self.stage, self.stage.acting(Role.KOS, staff=agent)
        begun = {"id": self.course, "staffId": stage.staff[agent]}
        attempt = await stage.do("startExam", begun, "id", by=by)
        answers = CASE["right_answers"] if passes else CASE["wrong_answers"]
        sat = {"id": attempt["id"], "answers": answers}
        graded = await stage.do("submitExam", sat, "isPassed", by=by)
        assert graded["isPassed"] is passes
        (self.passed if passes else self.failed).append(agent)


async def test_s3_only_who_has_passed_may_post_and_handle_leads(world: World) -> None:
    stage = await Stage.open(world, CASE["brand"])
    hatchery = Hatchery(stage)
    await hatchery.open()
    for batch in CASE["batches"]:
        await hatchery.hatch(batch)

    for agent in (*hatchery.passed, *hatchery.failed):
        for right in CASE["gated"]:
            asked = await stage.ask(CHECK, staff=stage.staff[agent], right=right)
            state = asked["checkRight"]
            assert state["isHeld"] is (agent in hatchery.passed), (agent, right)
            if not state["isHeld"]:
                assert [course["code"] for course in state["denial"]["courses"]] == [
                    CASE["course"]["code"]
                ]
    note = CASE["note"]
    target = {"platforms": ["XIAOHONGSHU"], "rights": ["FREE_POSTING"]}
    campaign = await stage.launch(note["template"], {**note["campaign"], "target": target})
    await stage.hand_out(campaign)
    authors = {post["staff"]["id"] for post in await stage.posts()}
    assert authors == {stage.staff[agent] for agent in hatchery.passed}


async def test_s3_a_lead_of_an_office_without_a_certified_agent_goes_on_to_the_region(
    world: World,
) -> None:
    stage = await Stage.open(world, CASE["brand"])
    hatchery = Hatchery(stage)
    await hatchery.open()
    late = CASE["batches"][1]
    await hatchery.hatch(late)

    lead_id = await stage.capture(
        name="刘先生", phone="13600000001", storeCode="T2", product="重疾险"
    )

    lead = (await stage.ask(LEAD, id=lead_id))["lead"]
    assert lead["status"] == "OFFERED"
    assert lead["staff"]["code"] in hatchery.passed
    (decision,) = lead["decisions"]
    rejected = {
        each["staff"]["code"]: each["rejectedBecause"]
        for each in decision["candidates"]
        if not each["isChosen"]
    }
    assert "uncertified" in {rejected[agent] for agent in hatchery.failed if agent in rejected}


async def test_s3_an_agent_who_drifted_from_the_persona_may_lead_nobody_to_the_private_side(
    world: World,
) -> None:
    stage = await Stage.open(world, CASE["brand"])
    hatchery = Hatchery(stage)
    await hatchery.open()
    agents = [agent for agent in await hatchery.hatch(CASE["batches"][0]) if agent.startswith("T1")]
    for agent in agents[:2]:
        found = await stage.ask(ACCOUNTS, staff=stage.staff[agent])
        for account in found["accounts"]["nodes"]:
            is_drifted = agent == agents[1] and account["domain"] == "PUBLIC"
            look = CASE["look"]["drifted" if is_drifted else "good"]
            await stage.do("observeAccount", {"id": account["id"], **look}, "observedAt")

    pairs = (await stage.ask(PAIR, unit=stage.units["T1"]))["pairs"]["nodes"]

    by_agent = {pair["staff"]["code"]: pair for pair in pairs}
    assert [by_agent[agent]["state"] for agent in agents] == ["PASSED", "FAILED", "UNCHECKED"]
    assert [by_agent[agent]["mayOpenTransfer"] for agent in agents[:2]] == [True, False]
    worst = {each["field"]: each["score"] for each in by_agent[agents[1]]["fields"]}
    assert worst["TABOO_WORDS"] == 0
    await stage.do("setIncentiveRule", CASE["transfer_rule"], "version")
    customers = [
        await customer_of(stage, agent, phone)
        for agent, phone in zip(agents[:2], CASE["customers"], strict=True)
    ]
    led, refused = [
        await try_to_lead_on(stage, agent, customer)
        for agent, customer in zip(agents[:2], customers, strict=True)
    ]
    assert refused["code"] == "pair_failed"
    assert "taboo_words" in refused["message"]
    assert (led["step"], led["contact"]["id"]) == ("STAGE_1_OPEN", customers[0])
    by = stage.acting(Role.KOS, staff=agents[0])
    await stage.do("completeTransferStage", {"id": led["id"], "stage": "STAGE_1"}, "step", by=by)
    await stage.settle()
    asked = await stage.ask(TRANSFERS, staff=stage.staff[agents[0]])
    (transfer,) = asked["transfers"]["nodes"]
    assert (transfer["id"], transfer["step"]) == (led["id"], "STAGE_1_DONE")
    assert transfer["privateAccount"]["platform"] == "WECOM"
    assert [(each["cause"], each["amount"]) for each in asked["ledger"]["nodes"]] == [
        (f"{customers[0]}/{stage.staff[agents[0]]}", CASE["transfer_rule"]["amount"])
    ]


async def customer_of(stage: Stage, agent: str, phone: str) -> str:
    """Somebody who asked the agent's public account, and whom the agent took; their id."""
    lead_id = await stage.capture(phone=phone, accountHandle=f"public-{agent}")
    by = stage.acting(Role.KOS, staff=agent)
    taken = await stage.do("acceptLead", {"id": lead_id}, "contact { id }", by=by)
    await stage.settle()
    return str(taken["contact"]["id"])


async def try_to_lead_on(stage: Stage, agent: str, contact_id: str) -> Json:
    """The agent leads the customer to their private account."""
    found = await stage.ask(ACCOUNTS, staff=stage.staff[agent])
    (public,) = [each["id"] for each in found["accounts"]["nodes"] if each["domain"] == "PUBLIC"]
    given = {
        "contactId": contact_id,
        "accountId": public,
        "means": "CONTACT_CARD",
        "consent": {**CASE["consent"], "at": now().isoformat()},
    }
    by = stage.acting(Role.KOS, staff=agent)
    return await stage.try_to("openTransfer", given, "id step contact { id }", by=by)


async def test_s3_what_agents_write_is_held_by_the_pack_of_their_industry(world: World) -> None:
    stage = await Stage.open(world, CASE["brand"])
    await stage.do("setContentPolicy", {"industry": CASE["brand"]["industry"]}, "industry")

    for told in CASE["texts"]:
        given = {"text": told["text"], "platform": "XIAOHONGSHU"}
        report = (await stage.ask(COMPLIANCE, input=given))["checkCompliance"]
        assert report["verdict"] == told["verdict"], told
        if told["rule"] is not None:
            assert told["rule"] in {each["ruleId"] for each in report["findings"]}
