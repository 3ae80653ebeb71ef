"""The part of a planted brand's life with its tree, its people and their accounts."""

from datetime import timedelta
from typing import Any

from account_svc.models import Skill, period_of
from account_svc.use_cases.lift import PLACE, tier_timers
from shared.access import Role
from shared.clock import now
from shared.timers import Due
from tests.isolation.brand import Store
from tests.isolation.hand import Hand
from tests.isolation.words import with_plain

Json = dict[str, Any]


class People(Hand):
    """From the org tree to who leaves."""

    async def organize(self) -> None:
        brand, canary = self.brand, self.brand.canary
        platform = brand.acting(Role.PLATFORM_ADMIN)
        facts = {"id": brand.typed_id, "name": canary, "industry": canary}
        await self.post("account", "/brands", facts, by=platform)
        units = await self.world.send("account", brand.admin, "GET", "/units")
        root = units.json()["items"][0]["id"]
        persona = await self.post(
            "account",
            "/personas",
            {
                "kind": "shopping_assistant",
                "name": canary,
                "bio": canary,
                "tone": canary,
                "taboo_words": [self.text("no")],
                "interests": [canary],
                "name_pattern": canary,
            },
        )
        for rule in (
            {
                "trigger": "lead_accepted",
                "formula": f"0 if grade == '{canary}' else 10",
                "currency": "points",
            },
            {
                "trigger": "deal_won",
                "formula": f"0 if currency == '{canary}' else amount // 100",
                "currency": "CNY",
            },
        ):
            await self.post("account", "/incentive-rules", rule)
        for told in (
            {"fact": "posts_per_day", "number": 3},
            {"fact": "lead_in_means", "words": [canary]},
        ):
            policy = {"platform": "xiaohongshu", "source": canary, **told}
            await self.post("account", "/policies", policy)
        league = {"leagues": [{"code": canary, "name": canary}]}
        await self.post("account", "/race-policy", league, method="PUT")
        seats = [
            {
                "seat": "kos",
                "per": "store",
                "count": 3,
                "platforms": ["xiaohongshu"],
                "label": canary,
            }
        ]
        await self.post("account", "/layouts", {"name": canary, "public": seats})
        brand.east = await self.open_store(root, persona["id"], "east")
        brand.west = await self.open_store(root, persona["id"], "west")
        await self.train(brand.east.staff, brand.west.staff)
        for staff in (brand.east.staff, brand.west.staff):
            seen = {"staff_id": staff, "scores": {"tools": 60, "content": 50}}
            await self.post("account", "/skill-assessments", seen)
            aim = {"period": period_of(now()), "metric": "leads_accepted"}
            aimed = {**aim, "goals": [{"staff_id": staff, "target": 5}]}
            await self.post("account", "/goals/of-staff", aimed)
        wanted = {"persona_id": persona["id"], "scores": dict.fromkeys(Skill, 70)}
        await self.post("account", "/wanted-profiles", wanted)
        await self.lift(brand.east.staff, brand.west.staff)
        for store in (brand.east, brand.west):
            await self.befriend(store)
        leaver = await self.hire(brand.west.unit, "leaver")
        await self.post("account", f"/staff/{leaver}/depart", {"reason": canary})
        asked: Json = {"name": canary, "role": "scrm", "scopes": [canary]}
        key = await with_plain("secret", lambda: self.post("account", "/api-keys", asked))
        brand.words |= {"api_key": key["secret"], "api_key_prefix": key["prefix"]}
        rows = f"code,parent_code,kind,name\n{canary}-i,{self.text('region-east')},store,{canary}\n"
        await self.post(
            "account",
            "/imports/units",
            headers={"content-type": "text/csv"},
            content=rows + f"{canary}-bad,{canary}-none,store,{canary}\n",
        )
        await self.post(
            "account",
            "/personas",
            {"kind": "topic_expert", "name": canary},
            headers={"idempotency-key": canary},
        )
        await self.world.settle(brand.id)

    async def train(self, *staff: str) -> None:
        """Each has begun one exam and passed another, and a right needs either."""
        canary = self.brand.canary
        question = {"text": canary, "options": [canary, self.text("no")], "right_options": [0]}
        begun, passed = [
            await self.post(
                "account",
                "/courses",
                {
                    "code": self.text(word),
                    "name": canary,
                    "lessons": [{"title": canary, "body": canary}],
                    "questions": [question],
                    "validity_days": 365,
                },
            )
            for word in ("begun", "passed")
        ]
        for right, course in (("free_posting", begun), ("live", passed)):
            needs = {"right": right, "course_ids": [course["id"]]}
            await self.post("account", "/rights", needs)
        for course in (begun, passed):
            for each in staff:
                path = f"/courses/{course['id']}/start-attempt"
                attempt = await self.post("account", path, {"staff_id": each})
                if course is passed:
                    path = f"/exam-attempts/{attempt['id']}/submit"
                    await self.post("account", path, {"answers": [[0]]})

    async def befriend(self, store: Store) -> None:
        """A person outside with an account of their own, who has bought."""
        word = self.text(store.word)
        person = self.text(f"person-{store.word}")
        facts = {"unit_id": store.unit, "name": person, "phone": self.phone()}
        found = await self.post("account", "/advocates", facts)
        path = f"/advocates/{found['id']}"
        bought = {"kind": "bought", "happened_on": "2026-03-01", "proof": word}
        for _ in range(2):
            told = await self.post("account", f"{path}/record", bought)
        wrong = {"relation_id": told["relation_id"], "reason": word}
        await self.post("account", f"{path}/withdraw", wrong)
        for number in (1, 2):
            account = {
                "platform": "bilibili",
                "handle": f"{word}-{number}",
                "display_name": word,
                "domain": "public",
                "seat": "koc",
                "unit_id": store.unit,
            }
            outside = await self.post("account", "/accounts", account)
        await self.post("account", f"{path}/link-account", {"account_id": outside["id"]})

    async def lift(self, *staff: str) -> None:
        """Each is placed and has a task for the skill with the largest gap."""
        courses = await self.world.send("account", self.brand.admin, "GET", "/courses")
        course = courses.json()["items"][0]["id"]
        for skill in ("tools", "content"):
            trained = {"skill": skill, "course_id": course}
            await self.post("account", "/skill-courses", trained)
        await self.post("account", "/tiers/place", {"least_group": 2})
        due = Due(self.brand.id, PLACE, self.brand.id, now(), attempt=0)
        await tier_timers(self.world.sessions["account"])[PLACE](due)
        for each in staff:
            task = {"staff_id": each, "due_at": (now() + timedelta(days=7)).isoformat()}
            await self.post("account", "/lift-tasks", task)

    async def open_store(self, root: str, persona: str, word: str) -> Store:
        canary = self.brand.canary
        region = await self.post(
            "account",
            "/units",
            {
                "parent_id": root,
                "kind": "region",
                "code": self.text(f"region-{word}"),
                "name": self.text(f"region-{word}"),
            },
        )
        unit = await self.post(
            "account",
            "/units",
            {
                "parent_id": region["id"],
                "kind": "store",
                "code": self.text(word),
                "name": self.text(word),
                "city": self.text(word),
                "city_code": canary,
            },
        )
        phone = self.phone()
        staff = await self.hire(unit["id"], word, phone=phone)
        accounts = []
        for platform in ("xiaohongshu", "douyin"):
            account = await self.post(
                "account",
                "/accounts",
                {
                    "platform": platform,
                    "handle": self.text(f"{word}-{platform}"),
                    "platform_id": self.text(f"{word}-id"),
                    "display_name": self.text(word),
                    "domain": "public",
                    "seat": "kos",
                    "unit_id": unit["id"],
                    "staff_id": staff,
                    "persona_id": persona,
                    "status": "pending",
                },
            )
            await self.post(
                "account", f"/accounts/{account['id']}/activate", {"reason": self.text(word)}
            )
            accounts.append(account["id"])
        bound = {"platform_status": "xiaohongshu_staff_binding", "reference": self.text(word)}
        await self.post("account", f"/accounts/{accounts[0]}/note-platform-status", bound)
        await self.leave(unit["id"], staff, word)
        mate = await self.hire(unit["id"], f"mate-{word}", is_seller=False)
        off_roster = {
            "platform": "kuaishou",
            "handle": self.text(word),
            "unit_id": unit["id"],
            "note": self.text(word),
        }
        await self.post("account", "/off-roster-accounts", off_roster)
        turned_down = {**off_roster, "handle": self.text(f"{word}-rejected")}
        found = await self.post("account", "/off-roster-accounts", turned_down)
        path = f"/off-roster-accounts/{found['id']}/reject"
        await self.post("account", path, {"reason": self.text(word)})
        return Store(word, region["id"], unit["id"], staff, accounts, phone, self.phone(), mate)

    async def leave(self, unit: str, taker: str, word: str) -> None:
        """Somebody of the store goes, and the seller takes their account."""
        leaver = await self.hire(unit, f"gone-{word}", is_seller=False)
        left = await self.post(
            "account",
            "/accounts",
            {
                "platform": "weibo",
                "handle": self.text(f"gone-{word}"),
                "display_name": self.text(word),
                "domain": "public",
                "seat": "kos",
                "unit_id": unit,
                "staff_id": leaver,
                "status": "active",
            },
        )
        owned = {"ownership": "brand_made", "reference": self.text(word)}
        await self.post("account", f"/accounts/{left['id']}/state-ownership", owned)
        plan = {"staff_id": leaver, "taker_ids": [taker]}
        mistaken = await self.post("account", "/handovers", plan)
        cancel = f"/handovers/{mistaken['id']}/cancel"
        await self.post("account", cancel, {"reason": self.text(word)})
        await self.post("account", "/handovers", plan)

    async def hire(
        self, unit: str, word: str, *, phone: str | None = None, is_seller: bool = True
    ) -> str:
        canary = self.brand.canary
        staff = await self.post(
            "account",
            "/staff",
            {
                "unit_id": unit,
                "code": self.text(f"staff-{word}"),
                "name": self.text(f"person-{word}"),
                "phone": phone or self.phone(),
                "skills": [canary],
                "product_lines": [canary],
                "languages": [canary],
                "tier": canary,
                "open_lead_capacity": 100,
                "is_seller": is_seller,
            },
        )
        return str(staff["id"])
