"""What the documents of the gateway need beyond the types of the SDL, by field."""

from datetime import timedelta
from typing import Any

from account_svc.models import period_of
from shared.clock import now
from tests.isolation.given_rest import SECRETS

PREFIXES = {
    "Unit": "unit",
    "Staff": "staff",
    "Account": "acct",
    "Persona": "persona",
    "Import": "import",
    "PlatformPolicy": "policy",
    "Course": "course",
    "ExamAttempt": "attempt",
    "Certificate": "cert",
    "Layout": "layout",
    "OffRosterAccount": "offroster",
    "SkillAssessment": "assess",
    "Advocate": "advocate",
    "Goal": "goal",
    "LiftTask": "lift",
    "IncentiveRule": "rule",
    "LedgerEntry": "entry",
    "Review": "review",
    "Appeal": "appeal",
    "AccountProfile": "acct",
    "ApiKey": "apikey",
    "Asset": "asset",
    "Template": "tmpl",
    "Campaign": "camp",
    "Draft": "draft",
    "Post": "post",
    "PlatformConnection": "conn",
    "Receipt": "rcpt",
    "Lead": "lead",
    "Contact": "contact",
    "Offer": "offer",
    "Deal": "deal",
    "Transfer": "transfer",
    "Community": "comm",
    "CommunityActivity": "activity",
    "WebhookEndpoint": "endpoint",
    "WebhookDelivery": "delivery",
    "Handover": "handover",
    "HandoverItem": "hitem",
    "Brand": "brand",
}
"""The ids that the nodes of the schema have."""

BY_NAME = {
    "unitId": "unit",
    "unitIds": "unit",
    "parentId": "unit",
    "staffId": "staff",
    "takerIds": "staff",
    "hostStaffId": "staff",
    "deputyStaffId": "staff",
    "handoverId": "handover",
    "accountId": "acct",
    "personaId": "persona",
    "courseId": "course",
    "relationId": "relation",
    "courseIds": "course",
    "templateId": "tmpl",
    "assetIds": "asset",
    "campaignId": "camp",
    "postId": "post",
    "leadId": "lead",
    "contactId": "contact",
    "communityId": "comm",
    "endpointId": "endpoint",
    "entryId": "entry",
}

ID_OF = {
    "scheduleDraft": "draft",
    "replayWebhooks": "endpoint",
    "startExam": "course",
    "completeLesson": "course",
    "reopenExam": "course",
    "recordRelation": "advocate",
    "withdrawRelation": "advocate",
    "reviewEntry": "entry",
    "appealEntry": "entry",
}
"""Mutations whose `id` is not of what they answer with."""

DEEP = {
    "decisions": """query($lead: ID!) { lead(id: $lead) { decisions {
      id policyVersion decidedAt outcome uncounted tieBreak inputs staff { id name }
      explanation { kos manager auditor }
      candidates { step isChosen rejectedBecause staff { id name } unit { id name } }
    } } }""",
    "contact": """query($contact: ID!) { contact(id: $contact) {
      leads(first: 3) { leads { id city } }
      touchpoints {
        keyword post { id url } account { id handle } campaign { id name } unit { id name }
      } } }""",
    "post": """query($post: ID!, $acct: ID!) {
      post(id: $post) { leads(first: 3) { leads { id city } } }
      account(id: $acct) { history { reason staff { id name } } } }""",
    "transfer": """query($transfer: ID!) { transfer(id: $transfer) { steps {
      channel consent { purpose noticeVersion at } } } }""",
    "health": """query($acct: ID!) { account(id: $acct) {
      handle health { reasons { cause points message since } } } }""",
    "rights": """query($staff: ID!) { staffMember(id: $staff) {
      courses { courseId lessonsDone lessonsLeft attemptsLeft nextAttemptAt }
      rights {
      right isHeld expiresAt
      denial { code message courses { courseId code name cause expiredAt } } } } }""",
    "goals": """query($unit: ID!, $staff: ID!) {
      unit(id: $unit) { name goalProgress { metric target actual elapsed reached expected
        forecast { value method days backtestPercent refusal } below { goals target gap } }
        lift { period people top middle tail medianResult lowerQuartileResult movedUp movedDown
          stayed came } }
      staffMember(id: $staff) { code goalProgress { target actual }
        placements { period metric league result skill score tier } } }""",
    "authors": """query($post: ID!, $advocate: ID!) {
      post(id: $post) { author {
        postId advocateId classAtPublication classByHistory publishedAt } }
      advocate(id: $advocate) { name posts(first: 3) { postId } relations { proof } } }""",
}
"""What lies deeper than may be asked for with the whole of a row; variables are kinds of ids."""


def soon(hours: float) -> str:
    return (now() + timedelta(hours=hours)).isoformat()


def _input(**values: Any) -> dict[str, Any]:
    return {"input": values}


CONSENT = {"purpose": "x", "noticeVersion": "x", "at": "2026-11-01T00:00:00Z"}

GIVEN: dict[str, Any] = {
    # the store's seller came before all who were hired later
    "staff": lambda brand: {"unitId": brand.east.unit, "first": 20},
    "race": lambda _: {"period": f"{now():%Y-%m}"},
    "leaderboard": lambda _: {"period": f"{now():%Y-%m}"},
    "findStaff": lambda brand: {"phone": brand.east.phone},
    "findContacts": lambda brand: {"phone": brand.east.lead_phone},
    "addUnit": lambda brand: _input(
        kind="STORE", parentId=brand.east.region, code=f"{brand.canary}-new"
    ),
    "moveUnit": lambda brand: _input(id=brand.west.unit, parentId=brand.east.region),
    "addStaff": lambda brand: _input(unitId=brand.east.unit, code=f"{brand.canary}-new"),
    "transferStaff": lambda brand: _input(id=brand.east.staff, unitId=brand.west.unit),
    "registerAccount": lambda brand: _input(
        unitId=brand.east.unit, handle=f"{brand.canary}-new", displayName=brand.canary
    ),
    "handOverAccount": lambda brand: _input(id=brand.east.accounts[0], staffId=brand.west.staff),
    "openHandover": lambda brand: _input(staffId=brand.east.mate, takerIds=[brand.east.staff]),
    "changeTakers": lambda brand: _input(takerIds=[brand.east.staff]),
    "notePlatformStatus": lambda brand: _input(
        id=brand.east.accounts[0], platformStatus="XIAOHONGSHU_STAFF_BINDING"
    ),
    "addCourse": lambda brand: _input(
        code=f"{brand.canary}-new",
        questions=[{"text": "x", "options": ["x", "y"], "rightOptions": [1]}],
    ),
    "reviseCourse": lambda _: _input(
        questions=[{"text": "x", "options": ["x", "y"], "rightOptions": [1]}]
    ),
    "completeLesson": lambda _: _input(lesson=0),
    "assessSkills": lambda _: _input(scores={"tools": 50}),
    "setUnitGoals": lambda brand: _input(
        period=period_of(now()), goals=[{"unitId": brand.east.unit, "target": 5}]
    ),
    "setStaffGoals": lambda brand: _input(
        period=period_of(now()), goals=[{"staffId": brand.east.staff, "target": 5}]
    ),
    "assignLift": lambda _: _input(skill="TOOLS", dueAt=soon(1)),
    "recordRelation": lambda _: _input(kind="BOUGHT", happenedOn="2026-03-02"),
    "setWantedProfile": lambda _: _input(personaKind="TOPIC_EXPERT"),
    "addTemplate": lambda brand: _input(body=brand.canary),
    "planCampaign": lambda brand: _input(
        code=f"{brand.canary}-new", startsAt=soon(1), endsAt=soon(2), slotValues={"word": "x"}
    ),
    "confirmHandoff": lambda brand: _input(url=brand.words["post_url_west"]),
    "setContentPolicy": lambda _: _input(industry="general"),
    "authorizePlatform": lambda brand: _input(
        platform="DOUYIN",
        accountId=brand.east.accounts[1],
        credentials={
            "client_key": "x",
            "open_id": "x",
            "access_token": "x",
            "refresh_token": "x",
            "expires_in": 10,
            "refresh_expires_in": 10,
        },
    ),
    "importMetrics": lambda brand: _input(
        items=[{"postId": brand.ids["post"][-1], "measuredAt": now().isoformat(), "views": 200}]
    ),
    "captureLead": lambda brand: _input(leadId=f"{brand.canary}-new"),
    "acceptLead": lambda brand: _input(id=brand.offered["east"], staffId=brand.east.staff),
    "declineLead": lambda brand: _input(id=brand.offered["east"], staffId=brand.east.staff),
    "openTransfer": lambda brand: _input(
        contactId=brand.free["east"], accountId=brand.east.accounts[0], consent=CONSENT
    ),
    "openSecondStage": lambda _: _input(consent=CONSENT),
    "registerCommunity": lambda brand: _input(
        unitId=brand.east.unit,
        platform="XIAOHONGSHU",
        platformGroupId=f"{brand.canary}-new",
        hostStaffId=brand.east.staff,
        deputyStaffId=brand.east.mate,
        accountId=brand.east.accounts[0],
    ),
    "changeCommunity": lambda brand: _input(
        hostStaffId=brand.east.staff,
        deputyStaffId=brand.east.mate,
        accountId=brand.east.accounts[0],
    ),
    "recordCommunityActivity": lambda brand: _input(
        staffId=brand.east.staff, at=now().isoformat(), externalId=f"{brand.canary}-new"
    ),
    "moveContactStage": lambda _: _input(stage="CARE"),
    "holdingPolicy": lambda _: {"platform": "XIAOHONGSHU", "fact": "POSTS_PER_DAY"},
    "setPlatformPolicy": lambda _: _input(platform="DOUYIN", fact="POSTS_PER_DAY", number=5),
    "setIncentiveRule": lambda brand: _input(
        trigger="LEAD_ACCEPTED",
        currency="points",
        formula=f"0 if grade == '{brand.canary}' else 5",
    ),
    "appealEntry": lambda brand: _input(id=brand.taken[brand.east.word]),
    "setRacePolicy": lambda brand: _input(leagues=[{"code": brand.canary, "name": brand.canary}]),
    "layoutReport": lambda brand: {"layout": brand.canary},
    "layoutSeats": lambda brand: {
        "layout": brand.canary,
        "unitId": brand.east.unit,
        "state": "MISSING",
    },
    "setLayout": lambda brand: _input(
        public=[{"seat": "KOS", "per": "STORE", "platforms": ["DOUYIN"], "label": brand.canary}]
    ),
    "reportOffRosterAccount": lambda brand: _input(
        handle=f"{brand.canary}-new", unitId=brand.east.unit
    ),
    "adoptOffRosterAccount": lambda brand: _input(
        id=brand.at[brand.east.word]["offroster"][0],
        unitId=brand.east.unit,
    ),
    "rejectOffRosterAccount": lambda brand: _input(id=brand.at[brand.east.word]["offroster"][0]),
    "setRoutingPolicy": lambda _: _input(offerMinutesByGrade=dict.fromkeys("ABCD", 30)),
    "connectPlatform": lambda _: _input(platform="generic", secrets=SECRETS, settings={}),
    "rotateConnectionSecrets": lambda _: _input(secrets=SECRETS),
    "addWebhookEndpoint": lambda _: _input(
        url="https://scrm.example.com/", eventTypes=["kos.lead.*"]
    ),
    "replayWebhooks": lambda _: _input(since=soon(-1)),
    "createApiKey": lambda _: _input(scopes=["lead.read"]),
    "returnStaff": lambda brand: _input(id=brand.east.staff),
}
"""What a field needs beyond its types, by its name."""
