"""WeCom: a mass message or a moment is a task that the member confirms in the app.

Source of the format: developer.work.weixin.qq.com (customer contact). A call failed iff `errcode`
is there and not 0. The task calls take no idempotency key, so a task is looked up by member, text
and time before any repeat; ids that already belong to a post are left out.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Protocol
from uuid import UUID

import aiohttp

from content_svc.connectors import (
    Ability,
    InReview,
    Job,
    Outcome,
    Published,
    Reading,
    Rejected,
    Subject,
    TryLater,
)
from content_svc.connectors.http import call
from content_svc.connectors.tokens import EXPIRED, Ended, Grant, Renewed, TokenBook
from shared.clock import now
from shared.events.account import Platform

_TOKEN_ENDED = frozenset({40014, 42001})
_WRONG_SECRET = frozenset({40001, 40091, 40013})
_BUSY = frozenset({-1, 6000})
_FREQUENCY = frozenset({45009, 45033})
_FREQUENCY_PAUSE = timedelta(seconds=60)
"""A minute block lasts 60 s; asking earlier lengthens nothing but helps nobody."""
_REASONS = {
    41048: "nobody_to_send_to",
    60111: "unknown_member",
    41054: "member_not_activated",
    84074: "no_external_contact_right",
    60011: "no_privilege",
    48002: "api_not_allowed",
    40058: "bad_parameter",
}
_SENT = 2
_DELIVERED, _NOT_A_FRIEND, _ALREADY_GOT_ONE = 1, 2, 3
_MOMENT_DONE = 3
_MOMENT_PUBLISHED = 1
_CLOCK_SKEW_SECONDS = 60


class OfBrand(Protocol):
    """Whoever asks asks as the brand's app."""

    @property
    def brand_id(self) -> UUID: ...


@dataclass(frozen=True, slots=True)
class Wecom:
    url: str
    client: aiohttp.ClientSession
    tokens: TokenBook

    abilities: ClassVar[frozenset[Ability]] = frozenset(
        {Ability.PUBLISH, Ability.READ_METRICS, Ability.MASS_MESSAGE}
    )

    async def publish(self, job: Job) -> Outcome:
        grant = await self._grant(job)
        if grant.settings["deliver_by"] == "moment":
            return await self._publish_moment(job)
        return await self._publish_message(job)

    async def read(self, subject: Subject) -> Reading:
        """How far confirmation and delivery are; the platform tells no figures of attention."""
        if subject.platform_post_id.startswith("moment:"):
            return await self._read_moment(subject)
        return await self._read_message(subject)

    async def _publish_message(self, job: Job) -> Outcome:
        msgid = await self._find_message(job) if "sent_at" in job.progress else None
        if msgid is None:
            await job.remember({"sent_at": int(now().timestamp())})
            body = await self.ask(
                job,
                "add_msg_template",
                {
                    "chat_type": "single",
                    "sender": job.handle,
                    "text": {"content": job.caption},
                },
            )
            msgid = _text(body, "msgid")
        return Published(msgid, None, now(), _delivery("created"))

    async def _find_message(self, job: Job) -> str | None:
        """The message of an earlier attempt whose answer was lost."""
        listed = self._list(job, "get_groupmsg_list_v2", "group_msg_list", {"chat_type": "single"})
        found = [
            str(row["msgid"])
            async for row in listed
            if row.get("creator") == job.handle and _content(row) == job.caption
        ]
        taken = await job.list_taken(found)
        return next((msgid for msgid in found if msgid not in taken), None)

    async def _read_message(self, subject: Subject) -> Reading:
        msgid = subject.platform_post_id
        body = await self.ask(subject, "get_groupmsg_task", {"msgid": msgid, "limit": 1000})
        if not _has_row(body, "task_list", subject.handle, "status", _SENT):
            return Reading(delivery=_delivery("created"))
        delivered = failed = 0
        cursor = ""
        while True:
            page = await self.ask(
                subject,
                "get_groupmsg_send_result",
                {"msgid": msgid, "userid": subject.handle, "limit": 1000, "cursor": cursor},
            )
            statuses = [row.get("status") for row in _rows(page, "send_list")]
            delivered += statuses.count(_DELIVERED)
            failed += statuses.count(_NOT_A_FRIEND) + statuses.count(_ALREADY_GOT_ONE)
            cursor = page.get("next_cursor") or ""
            if not cursor:
                break
        state = "delivered" if delivered else "confirmed"
        return Reading(delivery=_delivery(state, delivered, failed))

    async def _publish_moment(self, job: Job) -> Outcome:
        job_id = job.progress.get("job_id")
        if job_id is None and "sent_at" in job.progress:
            moment_id = await self._find_moment(job)
            if moment_id is not None:
                return _moment(moment_id)
        if job_id is None:
            await job.remember({"sent_at": int(now().timestamp())})
            body = await self.ask(
                job,
                "add_moment_task",
                {
                    "text": {"content": job.caption},
                    "visible_range": {"sender_list": {"user_list": [job.handle]}},
                },
            )
            job_id = _text(body, "jobid")
            await job.remember({"job_id": job_id})
        task = await self.ask(job, "get_moment_task_result", None, jobid=job_id)
        if task.get("status") != _MOMENT_DONE:
            return InReview(None)
        result = task.get("result")
        if not isinstance(result, dict):
            raise TryLater("unreadable_answer")
        _raise_for(result.get("errcode", 0))
        return _moment(_text(result, "moment_id"))

    async def _find_moment(self, job: Job) -> str | None:
        found = [
            str(row["moment_id"])
            async for row in self._list(job, "get_moment_list", "moment_list", {})
            if _content(row) == job.caption
        ]
        taken = await job.list_taken([f"moment:{moment_id}" for moment_id in found])
        for moment_id in found:
            if f"moment:{moment_id}" in taken:
                continue
            # Other members may have been given the same text: it is ours if it asks our member.
            body = await self.ask(job, "get_moment_task", {"moment_id": moment_id})
            if any(row.get("userid") == job.handle for row in _rows(body, "task_list")):
                return moment_id
        return None

    async def _read_moment(self, subject: Subject) -> Reading:
        moment_id = subject.platform_post_id.removeprefix("moment:")
        body = await self.ask(subject, "get_moment_task", {"moment_id": moment_id})
        confirmed = _has_row(body, "task_list", subject.handle, "publish_status", _MOMENT_PUBLISHED)
        # A published moment is shown to customers at once: there is no later step to wait for.
        return Reading(delivery=_delivery("delivered" if confirmed else "created"))

    async def _list(
        self, job: Job, name: str, key: str, arguments: dict[str, Any]
    ) -> AsyncIterator[dict[str, Any]]:
        """Rows of a listing since the first attempt of this post."""
        started = int(job.progress["sent_at"]) - _CLOCK_SKEW_SECONDS
        ended = int(now().timestamp()) + _CLOCK_SKEW_SECONDS
        cursor = ""
        while True:
            page = await self.ask(
                job,
                name,
                {**arguments, "start_time": started, "end_time": ended, "cursor": cursor},
            )
            for row in _rows(page, key):
                yield row
            cursor = page.get("next_cursor") or ""
            if not cursor:
                return

    async def _grant(self, whose: OfBrand, *, refused_version: int | None = None) -> Grant:
        return await self.tokens.grant(
            whose.brand_id, Platform.WECOM, None, self.refresh, refused_version=refused_version
        )

    async def ask(
        self, whose: OfBrand, name: str, body: dict[str, Any] | None, **query: str
    ) -> dict[str, Any]:
        """POST `body`, or GET without one; a token that ended is renewed once."""
        refused_version = None
        code = 0
        for _ in range(2):
            grant = await self._grant(whose, refused_version=refused_version)
            answer = await call(
                self.client,
                "GET" if body is None else "POST",
                f"{self.url}/cgi-bin/externalcontact/{name}",
                params={"access_token": grant.token, **query},
                **({} if body is None else {"json": body}),
            )
            code = _code(answer)
            if code not in _TOKEN_ENDED:
                _raise_for(code)
                return answer
            refused_version = grant.version
        raise TryLater(f"platform_{code}")

    async def refresh(self, grant: Grant) -> Renewed:
        answer = await call(
            self.client,
            "GET",
            f"{self.url}/cgi-bin/gettoken",
            params={
                "corpid": grant.settings["corp_id"],
                "corpsecret": grant.credentials["secret"],
            },
        )
        code = _code(answer)
        if code in _WRONG_SECRET:
            raise Ended("secret_refused")
        if code != 0:
            raise TryLater(f"platform_{code}")
        return Renewed(
            credentials={**grant.credentials, "access_token": _text(answer, "access_token")},
            expires_at=now() + timedelta(seconds=int(answer["expires_in"])),
        )


def _moment(moment_id: str) -> Published:
    return Published(f"moment:{moment_id}", None, now(), _delivery("created"))


def _delivery(state: str, delivered: int = 0, failed: int = 0) -> dict[str, Any]:
    return {"state": state, "delivered": delivered, "failed": failed}


def _raise_for(code: int) -> None:
    if code == 0:
        return
    if code in _BUSY:
        raise TryLater(f"platform_{code}")
    if code in _FREQUENCY:
        raise TryLater(f"platform_{code}", after=_FREQUENCY_PAUSE)
    if code in _WRONG_SECRET:
        raise Rejected(EXPIRED)
    raise Rejected(_REASONS.get(code, f"platform_{code}"))


def _code(answer: dict[str, Any]) -> int:
    code = answer.get("errcode", 0)
    if not isinstance(code, int):
        raise TryLater("unreadable_answer")
    return code


def _text(answer: dict[str, Any], key: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str) or not value:
        raise TryLater("unreadable_answer")
    return value


def _rows(answer: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows = answer.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _content(row: dict[str, Any]) -> str | None:
    text = row.get("text")
    return text.get("content") if isinstance(text, dict) else None


def _has_row(answer: dict[str, Any], key: str, userid: str, field: str, value: int) -> bool:
    return any(
        row.get("userid") == userid and row.get(field) == value for row in _rows(answer, key)
    )
