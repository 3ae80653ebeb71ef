"""WeCom: whose customer groups there are, and another owner for them in service.

Source of the format: developer.work.weixin.qq.com (groupchat/list 92120, groupchat/onjob_transfer
95703). A group has its new owner at once: after a lost answer the taker's groups say which.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from content_svc.connectors import TryLater
from content_svc.connectors.wecom import Wecom
from content_svc.connectors.wecom_moves import Answer, Result, Whose

_PAGE = 1000
_OUTCOMES = {90501: "gone", 90504: "moved"}
"""No group of customers; its owner already. The limits have no codes of their own."""


@dataclass(frozen=True, slots=True)
class WecomGroups:
    wecom: Wecom

    async def list_of(self, brand_id: UUID, userid: str) -> list[str]:
        found: list[str] = []
        cursor = ""
        while True:
            answer = await self.wecom.ask(
                Whose(brand_id),
                "groupchat/list",
                {
                    "status_filter": 0,
                    "owner_filter": {"userid_list": [userid]},
                    "cursor": cursor,
                    "limit": _PAGE,
                },
            )
            found += [row["chat_id"] for row in _groups(answer, "group_chat_list")]
            cursor = answer.get("next_cursor") or ""
            if not cursor:
                return found

    async def move(
        self, brand_id: UUID, _giver: str, taker: str, things: list[str]
    ) -> dict[str, Answer]:
        answer = await self.wecom.ask(
            Whose(brand_id),
            "groupchat/onjob_transfer",
            {"chat_id_list": things, "new_owner": taker},
        )
        found = dict.fromkeys(things, Answer("moved"))
        for row in _groups(answer, "failed_chat_list"):
            code = row.get("errcode", 0)
            found[row["chat_id"]] = Answer(_OUTCOMES.get(code, "failed"), f"platform_{code}")
        return found

    async def results(self, brand_id: UUID, _giver: str, taker: str) -> dict[str, Result]:
        return dict.fromkeys(await self.list_of(brand_id, taker), Result("moved", None))


def _groups(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = answer.get(name) or []
    if not isinstance(rows, list):
        raise TryLater("unreadable_answer")
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("chat_id"), str)]
