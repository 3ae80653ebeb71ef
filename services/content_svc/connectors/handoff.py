"""Platforms without a publishing interface: a seller publishes by hand and returns the link.

The link is proof when its page, on a host we know for the platform, names the account as author
and carries the text. Pages are read as an anonymous visitor sees them: no cookies, no log-in.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp
import orjson

from content_svc.connectors import Ability, Reading, Subject, TryLater
from content_svc.connectors.http import FAULTS, retry_after
from shared.events.account import Platform

_LARGEST_PAGE = 1024 * 1024
_LARGEST_TEXT = 5000
_RUN = 4
_NO_TEXT_SIGNS = re.compile(r"[\W_]+")
_FIGURES = ("views", "likes", "saves", "comments", "shares", "follows")


class NotProof(Exception):
    """The link does not show the post; the message says what is wrong, for the seller."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a public page says about a post."""

    post_id: str
    author: str
    title: str
    text: str
    published_at: datetime | None
    figures: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Handoff:
    client: aiohttp.ClientSession
    hosts: Mapping[str, Sequence[str]]
    """By platform: `host` or `host:port` of links that are looked at at all."""

    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.READ_METRICS})

    async def read(self, subject: Subject) -> Reading:
        if subject.url is None:
            return Reading()
        try:
            page = await self.fetch(subject.platform, subject.url)
        except NotProof:
            return Reading(is_gone=True)
        return Reading(page.figures)

    async def prove(
        self, platform: Platform, url: str, *, handle: str, text: str, likeness: float
    ) -> Page:
        """The page behind `url`, if it is this account's post with this text.

        `likeness` from 0 to 1 is how much of the text must be on the page. Raises NotProof and
        TryLater.
        """
        page = await self.fetch(platform, url)
        if page.author != handle:
            raise NotProof("the page is of another account")
        if measure_likeness(text, f"{page.title}\n{page.text}") < likeness:
            raise NotProof("the page carries another text")
        return page

    async def fetch(self, platform: Platform, url: str) -> Page:
        self._require_known_host(platform, url)
        try:
            async with self.client.get(url, allow_redirects=False) as answer:
                if answer.status in (404, 410):
                    raise NotProof("there is no such page")
                if answer.status == 429 or answer.status >= 500:
                    raise TryLater(f"http_{answer.status}", after=retry_after(answer.headers))
                if answer.status != 200:
                    raise NotProof("the link does not lead to the page itself")
                body = b""
                async for chunk in answer.content.iter_any():
                    body += chunk
                    if len(body) > _LARGEST_PAGE:
                        raise NotProof("the page is too large to be a post")
        except FAULTS as error:
            raise TryLater(type(error).__name__.lower()) from error
        return read_page(body.decode("utf-8", "replace"), url)

    def _require_known_host(self, platform: Platform, url: str) -> None:
        try:
            parts = urlsplit(url)
            is_known = parts.netloc.lower() in self.hosts.get(platform, ())
        except ValueError:
            is_known = False
        else:
            # A plain address belongs to a port that was named on purpose.
            is_known = is_known and parts.scheme in (
                ("http", "https") if ":" in parts.netloc else ("https",)
            )
        if not is_known:
            raise NotProof(f"the link is not one of {platform}")


def measure_likeness(expected: str, found: str) -> float:
    """How much of `expected` stands in `found`, from 0 to 1, ignoring spaces and signs.

    A character stands there if some run of characters around it does. Takes linear time: both
    texts are a stranger's, and finding the longest blocks takes cubic time on texts made for it.
    """
    wanted = _NO_TEXT_SIGNS.sub("", expected)[:_LARGEST_TEXT]
    shown = _NO_TEXT_SIGNS.sub("", found)[:_LARGEST_TEXT]
    if not wanted:
        return 1.0
    length = min(_RUN, len(wanted))
    runs = {shown[start : start + length] for start in range(len(shown) - length + 1)}
    standing: set[int] = set()
    for start in range(len(wanted) - length + 1):
        if wanted[start : start + length] in runs:
            standing.update(range(start, start + length))
    return len(standing) / len(wanted)


def read_page(html: str, url: str) -> Page:
    """The post on a public page: Open Graph tags, and the page's own data where it has them."""
    reader = _PageReader()
    reader.feed(html)
    note = reader.note
    author = note.get("author")
    handle = author.get("handle") if isinstance(author, dict) else None
    metrics = note.get("metrics")
    page = Page(
        post_id=str(note.get("note_id") or urlsplit(url).path.rstrip("/").rpartition("/")[2]),
        author=str(handle or reader.tags.get("og:article:author", "")),
        title=str(note.get("title") or reader.tags.get("og:title", "")),
        text=str(note.get("text") or reader.tags.get("og:description", "")),
        published_at=_instant(note.get("published_at")),
        figures={
            name: metrics[name]
            for name in _FIGURES
            if isinstance(metrics, dict) and isinstance(metrics.get(name), int)
        },
    )
    if not page.post_id or not page.author:
        raise NotProof("the page does not show a post")
    return page


def _instant(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo is not None else None


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: dict[str, str] = {}
        self.note: dict[str, Any] = {}
        self._in_note = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "meta" and found.get("property"):
            self.tags.setdefault(str(found["property"]), found.get("content") or "")
        self._in_note = (
            tag == "script"
            and found.get("type") == "application/json"
            and found.get("id") == "note"
        )

    def handle_data(self, data: str) -> None:
        if not self._in_note:
            return
        try:
            note = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        if isinstance(note, dict):
            self.note = note

    def handle_endtag(self, _: str) -> None:
        self._in_note = False
