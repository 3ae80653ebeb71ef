"""Courses, people who take their exams, and the rights that follow."""

from datetime import datetime
from typing import Any

from account_svc.use_cases.rights import right_timers
from shared.clock import now
from shared.database import Sessions
from shared.ids import uuid7
from shared.timers import Due
from tests.account_svc.making import Api
from tests.caller import Json, uuid_of

QUESTIONS = [
    {"text": "能报底价吗?", "options": ["能", "不能", "看情况"], "right_options": [1]},
    {"text": "哪些要先核对?", "options": ["价格", "库存", "天气"], "right_options": [0, 1]},
]
RIGHT = [[1], [1, 0]]
HALF_RIGHT = [[1], [2]]


async def make_course(api: Api, **overrides: Any) -> Json:
    body = {
        "code": f"C{uuid7().hex[-8:]}",
        "name": "直播入门",
        "lessons": [{"title": "开播前", "body": "先核对价格"}],
        "questions": QUESTIONS,
        "validity_days": 30,
        **overrides,
    }
    return await api.post("/courses", body)


async def start(api: Api, course: Json, staff: Json) -> Json:
    return await api.post(f"/courses/{course['id']}/start-attempt", {"staff_id": staff["id"]})


async def submit(api: Api, attempt: Json, answers: list[list[int]]) -> Json:
    return await api.post(f"/exam-attempts/{attempt['id']}/submit", {"answers": answers})


async def take(api: Api, course: Json, staff: Json, answers: list[list[int]]) -> Json:
    return await submit(api, await start(api, course, staff), answers)


async def certify(api: Api, course: Json, staff: Json) -> Json:
    """The certificate that the person has just earned."""
    await take(api, course, staff, RIGHT)
    page = await api.get("/certificates", staff_id=staff["id"], course_id=course["id"])
    newest: Json = page["items"][0]
    return newest


async def require(api: Api, right: str, *courses: Json) -> Json:
    ids = [course["id"] for course in courses]
    return await api.post("/rights", {"right": right, "course_ids": ids})


async def check(api: Api, staff: Json, right: str, at: datetime | str | None = None) -> Json:
    instant = at.isoformat() if isinstance(at, datetime) else at
    body = {"staff_id": staff["id"], "right": right, "at": instant}
    return await api.post("/rights/check", body)


async def ring(sessions: Sessions, api: Api, kind: str, typed_id: str) -> datetime | None:
    """What the worker does when the timer rings."""
    return await right_timers(sessions)[kind](
        Due(api.brand_id, kind, uuid_of(typed_id), now(), attempt=0)
    )


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
