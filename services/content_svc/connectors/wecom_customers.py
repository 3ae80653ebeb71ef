"""WeCom: whose customers there are, and moving them from one member to another in service.

Source of the format: developer.work.weixin.qq.com (externalcontact/list, transfer_customer,
transfer_result). After a lost answer `transfer_result` says which customers the platform took.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from content_svc.connectors import Rejected, TryLater
from content_svc.connectors.wecom import Wecom
from content_svc.connectors.wecom_moves import Answer, Result, Whose

NO_CUSTOMERS = "platform_84061"
_OUTCOMES = {
    0: "accepted",
    40099: "taker_full",
    40100: "in_progress",
    40129: "in_progress",
    40128: "too_often",
    40131: "gone",
    40096: "gone",
}
_STATUSES = {1: "moved", 2: "waiting", 3: "refused", 4: "taker_full", 5: "failed"}


@dataclass(frozen=True, slots=True)
class WecomCustomers:
    wecom: Wecom

    async def list_of(self, brand_id: UUID, userid: str) -> list[str]:
        try:
            answer = await self.wecom.ask(Whose(brand_id), "list", None, userid=userid)
        except Rejected as refusal:
            if refusal.reason == NO_CUSTOMERS:
                return []
            raise
        found = answer.get("external_userid")
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise TryLater("unreadable_answer")
        return found

    async def move(
        self, brand_id: UUID, giver: str, taker: str, things: list[str]
    ) -> dict[str, Answer]:
        answer = await self.wecom.ask(
            Whose(brand_id),
            "transfer_customer",
            {
                "handover_userid": giver,
                "takeover_userid": taker,
                "external_userid": things,
            },
        )
        found = {}
        for row in _customers(answer):
            code = row.get("errcode", 0)
            outcome = _OUTCOMES.get(code, "failed")
            found[row["external_userid"]] = Answer(
                outcome, None if outcome == "accepted" else f"platform_{code}"
            )
        return found

    async def results(self, brand_id: UUID, giver: str, taker: str) -> dict[str, Result]:
        found: dict[str, Result] = {}
        cursor = ""
        while True:
            answer = await self.wecom.ask(
                Whose(brand_id),
                "transfer_result",
                {"handover_userid": giver, "takeover_userid": taker, "cursor": cursor},
            )
            for row in _customers(answer):
                at = row.get("takeover_time")
                when = datetime.fromtimestamp(at, UTC) if isinstance(at, int) and at else None
                found[row["external_userid"]] = Result(
                    _STATUSES.get(row.get("status", 0), "failed"), when
                )
            cursor = answer.get("next_cursor") or ""
            if not cursor:
                return found


def _customers(answer: dict[str, Any]) -> list[dict[str, Any]]:
    rows = answer.get("customer")
    if not isinstance(rows, list):
        raise TryLater("unreadable_answer")
    return [
        row for row in rows if isinstance(row, dict) and isinstance(row.get("external_userid"), str)
    ]
