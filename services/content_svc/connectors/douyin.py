"""Douyin open platform: upload, create, review, figures.

Source of the format: developer.open-douyin.com (OAuth, content).
HTTP is 200 either way; a call succeeded iff `data.error_code` is 0. Creating twice from one
video_id makes two items, so a created one is looked up by its video_id before any repeat.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

import aiohttp

from content_svc.connectors import (
    Ability,
    InReview,
    Job,
    Outcome,
    Published,
    Reading,
    Refused,
    Rejected,
    Subject,
    TryLater,
)
from content_svc.connectors.http import call
from content_svc.connectors.tokens import EXPIRED, Ended, Grant, Renewed, TokenBook
from shared.clock import now
from shared.events.account import Platform

_API = "/api/douyin/v1/video"
_TOKEN_ENDED = frozenset({10008, 2190008, 28001008, 28001003})
_REFRESH_ENDED = {
    10010: "refresh_token_expired",
    10020: "renewed_too_often",
    10005: "refresh_token_refused",
}
_SYSTEM_FAULT = 28001005
_NO_PERMISSION = 10004
_UNFIT = 2
_PUBLIC = (1, 5)
_FIGURES = {
    "views": "play_count",
    "likes": "digg_count",
    "comments": "comment_count",
    "shares": "share_count",
}


@dataclass(frozen=True, slots=True)
class Douyin:
    url: str
    client: aiohttp.ClientSession
    tokens: TokenBook

    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.PUBLISH, Ability.READ_METRICS})

    async def publish(self, job: Job) -> Outcome:
        if job.platform_post_id is not None:
            return await self._review(job, job.platform_post_id)
        video_id = job.progress.get("video_id")
        if video_id is not None:
            # An earlier attempt may have created the item before its answer was lost.
            item_id = await self._find_item(job, video_id)
            if item_id is not None:
                return InReview(item_id)
        else:
            video_id = await self._upload(job)
            if video_id is None:
                return Refused("media_missing")
        # Committed first, so that whoever goes on after us can look the item up; it also stops us
        # here if our claim is lost.
        await job.remember({"video_id": video_id})
        return InReview(await self._create(job, video_id))

    async def read(self, subject: Subject) -> Reading:
        data = await self._call(
            subject,
            "POST",
            f"{_API}/video_data/",
            json={"item_ids": [subject.platform_post_id]},
        )
        for row in _rows(data):
            if row.get("item_id") == subject.platform_post_id:
                statistics = row.get("statistics") or {}
                return Reading(
                    {
                        name: int(statistics[key])
                        for name, key in _FIGURES.items()
                        if key in statistics
                    }
                )
        return Reading(is_gone=True)

    async def _upload(self, job: Job) -> str | None:
        video = await job.load_video()
        if video is None:
            return None
        data = await self._call(
            job,
            "POST",
            f"{_API}/upload_video/",
            form=partial(_film, f"{job.post_id}.mp4", video),
        )
        nested = data.get("video")
        video_id = nested.get("video_id") if isinstance(nested, dict) else data.get("video_id")
        if not isinstance(video_id, str):
            raise TryLater("unreadable_answer")
        return video_id

    async def _create(self, job: Job, video_id: str) -> str:
        data = await self._call(
            job,
            "POST",
            f"{_API}/create_video/",
            json={"video_id": video_id, "text": job.caption},
        )
        item_id = data.get("item_id")
        if not isinstance(item_id, str):
            raise TryLater("unreadable_answer")
        return item_id

    async def _find_item(self, job: Job, video_id: str) -> str | None:
        data = await self._call(job, "POST", f"{_API}/video_data/", json={"video_ids": [video_id]})
        for row in _rows(data):
            if row.get("video_id", video_id) == video_id and isinstance(row.get("item_id"), str):
                return str(row["item_id"])
        return None

    async def _review(self, job: Job, item_id: str) -> Outcome:
        data = await self._call(job, "POST", f"{_API}/video_data/", json={"item_ids": [item_id]})
        for row in _rows(data):
            if row.get("item_id") != item_id:
                continue
            status = row.get("video_status")
            if status == _UNFIT:
                return Refused("platform_review_unfit")
            if status in _PUBLIC:
                return Published(item_id, row.get("share_url"), now())
            return InReview(item_id)
        return Refused("removed_on_platform")

    async def _call(
        self,
        whose: Job | Subject,
        method: str,
        path: str,
        *,
        json: dict[str, Any] | None = None,
        form: Callable[[], aiohttp.FormData] | None = None,
    ) -> dict[str, Any]:
        """One call as the account; a token that ended is renewed once. A form is good for one."""
        refused_version = None
        for _ in range(2):
            grant = await self.tokens.grant(
                whose.brand_id,
                Platform.DOUYIN,
                whose.account_id,
                self.refresh,
                refused_version=refused_version,
            )
            body = await call(
                self.client,
                method,
                f"{self.url}{path}",
                params={"open_id": grant.settings["open_id"]},
                headers={"access-token": grant.token},
                json=json,
                data=form and form(),
            )
            data, code = _data(body)
            if code == 0:
                return data
            if code not in _TOKEN_ENDED:
                break
            refused_version = grant.version
        if code in _TOKEN_ENDED:
            raise Rejected(EXPIRED)
        if code == _SYSTEM_FAULT:
            raise TryLater(f"platform_{code}")
        raise Rejected("no_permission" if code == _NO_PERMISSION else f"platform_{code}")

    async def refresh(self, grant: Grant) -> Renewed:
        """A new access token; the refresh token stays as it is."""
        data = await self._oauth(
            "refresh_token",
            grant,
            grant_type="refresh_token",
            refresh_token=grant.credentials["refresh_token"],
        )
        return Renewed(
            credentials={**grant.credentials, "access_token": data["access_token"]},
            expires_at=now() + timedelta(seconds=int(data["expires_in"])),
        )

    async def extend(self, grant: Grant) -> Renewed:
        """A new refresh token in place of the old one, which dies at once. Where the platform gives
        none (five times at most), the old one lasts until its end."""
        try:
            data = await self._oauth(
                "renew_refresh_token", grant, refresh_token=grant.credentials["refresh_token"]
            )
        except Ended:
            return Renewed(credentials=grant.credentials, is_extendable=False)
        return Renewed(
            credentials={**grant.credentials, "refresh_token": data["refresh_token"]},
            refresh_expires_at=now() + timedelta(seconds=int(data["expires_in"])),
        )

    async def _oauth(self, verb: str, grant: Grant, **fields: str) -> dict[str, Any]:
        body = await call(
            self.client,
            "POST",
            f"{self.url}/oauth/{verb}/",
            data={"client_key": grant.settings["client_key"], **fields},
        )
        data, code = _data(body)
        if code == 0:
            return data
        if code in _REFRESH_ENDED:
            raise Ended(_REFRESH_ENDED[code])
        raise TryLater(f"platform_{code}")


def _film(name: str, film: bytes) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("video", film, filename=name, content_type="video/mp4")
    return form


def _data(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    data = body.get("data")
    if not isinstance(data, dict):
        raise TryLater("unreadable_answer")
    try:
        return data, int(data.get("error_code", 0))
    except (TypeError, ValueError) as error:
        raise TryLater("unreadable_answer") from error


def _rows(data: dict[str, Any]) -> list[dict[str, Any]]:
    rows = data.get("list")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
