"""What a wave of consumers will do, from the seed alone: no clock, no ledger, no network."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from pydantic import BaseModel, ConfigDict, Field

from deploy.sandbox.hooks.connections import Connection
from deploy.sandbox.leads import KINDS, Lead, wecom_customer
from deploy.sandbox.personas import (
    CITIES,
    COMMENTS,
    GIVEN_NAMES,
    NICKNAMES,
    NOTES,
    PRODUCTS,
    QUESTIONS,
    SURNAMES,
)
from deploy.sandbox.world import digest

MAX_CONSUMERS = 50_000
MAX_POSTS_SEEN = 3
LIKE_RATE, COMMENT_RATE = 0.3, 0.08
NEAR_RATE = 0.7
SAME_PLATFORM_RATE = 0.7
MAX_EXTRA_COPIES = 2
# How many places later a late delivery or a copy is sent.
MAX_DELAY_PLACES = 20
# Leads whose hook carries the number; WeCom's tells only the id of the external contact.
KINDS_WITH_PHONE = {"card", "clue", "data", "form", "update"}
ELSEWHERE = {"douyin": ("oceanengine", "generic"), "": ("oceanengine", "generic")}
# No range is set aside for fiction in China: one block, of which nothing is ever called.
PHONE_BLOCK, PHONES, PHONE_STRIDE = "199000", 100_000, 7919
SPELLINGS = ("+86 {0} {1} {2}", "{0}-{1}-{2}", "0086{0}{1}{2}", "{0} {1} {2}", "(+86){0}{1}{2}")


class WaveIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seed: int
    consumers: int = Field(default=100, ge=1, le=MAX_CONSUMERS)
    lead_rate: float = Field(default=0.2, ge=0, le=1)
    message_rate: float = Field(default=0.1, ge=0, le=1)
    update_rate: float = Field(default=0.1, ge=0, le=1)
    two_platform_rate: float = Field(default=0.15, ge=0, le=1)
    duplicate_rate: float = Field(default=0.2, ge=0, le=1)
    reorder_rate: float = Field(default=0.1, ge=0, le=1)
    connections: list[str] | None = None
    post_platforms: list[str] | None = None
    account_handles: list[str] | None = None
    campaign: str | None = None
    concurrency: int = Field(default=4, ge=1, le=64)
    wait: bool = True


@dataclass(frozen=True)
class SeenPost:
    """A published post, with what its page and its author's profile show."""

    post_id: str
    platform: str
    account_handle: str
    url: str
    heat: float
    city: str
    store_code: str
    channel_code: str


@dataclass(frozen=True)
class PlannedLead:
    lead: Lead
    connection: Connection
    kind: str
    post_id: str
    copies: int
    late: bool

    @property
    def carries_phone(self) -> bool:
        return self.kind in KINDS_WITH_PHONE


@dataclass
class Plan:
    """`order` holds indexes into `leads`, one for each delivery."""

    leads: list[PlannedLead] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    views: Counter[str] = field(default_factory=Counter)
    likes: Counter[str] = field(default_factory=Counter)
    comments: list[tuple[str, str, str]] = field(default_factory=list)


def phone_number(seed: int, n: int) -> str:
    """The n-th consumer's national number; within a wave no two are alike."""
    start = int(digest("phones", seed), 16)
    return f"{PHONE_BLOCK}{(start + n * PHONE_STRIDE) % PHONES:05}"


def make_plan(wave: WaveIn, posts: Sequence[SeenPost], connections: Sequence[Connection]) -> Plan:
    plan = Plan()
    heat = list(accumulate(post.heat for post in posts))
    by_platform: dict[str, list[Connection]] = {}
    for connection in connections:
        by_platform.setdefault(connection.platform, []).append(connection)
    places: list[tuple[float, int]] = []
    for n in range(wave.consumers):
        consumer = _Consumer(wave, n, posts, heat)
        consumer.look_around(plan)
        for planned in consumer.leads(by_platform):
            index = len(plan.leads)
            plan.leads.append(planned)
            dice = consumer.dice
            place = index + (dice.uniform(1, MAX_DELAY_PLACES) if planned.late else 0.0)
            places.append((place, index))
            places += [
                (place + dice.uniform(0, MAX_DELAY_PLACES), index)
                for _ in range(planned.copies - 1)
            ]
    plan.order = [index for _, index in sorted(places)]
    return plan


class _Consumer:
    def __init__(
        self, wave: WaveIn, n: int, posts: Sequence[SeenPost], heat: Sequence[float]
    ) -> None:
        self.wave, self.posts, self.heat = wave, posts, heat
        self.dice = random.Random(digest("consumer", wave.seed, n))
        self.person = f"{wave.seed}-{n}"
        self.name = self.dice.choice(SURNAMES) + self.dice.choice(GIVEN_NAMES)
        self.phone = phone_number(wave.seed, n)
        self.seen: list[SeenPost] = []

    def look_around(self, plan: Plan) -> None:
        dice = self.dice
        if self.posts:
            wanted = dice.randint(1, MAX_POSTS_SEEN)
            drawn = dice.choices(self.posts, cum_weights=self.heat, k=wanted)
            self.seen = list(dict.fromkeys(drawn))
        for post in self.seen:
            plan.views[post.post_id] += 1
            if dice.random() < LIKE_RATE:
                plan.likes[post.post_id] += 1
            if dice.random() < COMMENT_RATE:
                text = dice.choice(COMMENTS)
                plan.comments.append((post.post_id, text, dice.choice(NICKNAMES)))

    def leads(self, by_platform: Mapping[str, Sequence[Connection]]) -> list[PlannedLead]:
        dice = self.dice
        if dice.random() >= self.wave.lead_rate:
            return []
        post = dice.choice(self.seen) if self.seen else None
        first = self._first_connection(post, by_platform)
        if first is None:
            return []
        city = post.city if post and post.city and dice.random() < NEAR_RATE else ""
        lead = self._lead(first, post, city or dice.choice(CITIES)[1])
        kind = self._kind(first)
        made = [self._planned(lead, first, kind, post)]
        if kind == "form" and dice.random() < self.wave.update_rate:
            more = replace(lead, note=dice.choice(NOTES), product=dice.choice(PRODUCTS))
            made.append(self._planned(more, first, "update", post))
        if dice.random() < self.wave.two_platform_rate:
            made += self._second(made[0], post, by_platform)
        return made

    def _first_connection(
        self, post: SeenPost | None, by_platform: Mapping[str, Sequence[Connection]]
    ) -> Connection | None:
        platform = post.platform if post else ""
        same = by_platform.get(platform, ())
        others = [
            connection
            for other in ELSEWHERE.get(platform, ("generic",))
            for connection in by_platform.get(other, ())
        ]
        stays = self.dice.random() < SAME_PLATFORM_RATE
        choice = (same or others) if stays else (others or same)
        return self.dice.choice(choice) if choice else None

    def _second(
        self,
        first: PlannedLead,
        post: SeenPost | None,
        by_platform: Mapping[str, Sequence[Connection]],
    ) -> list[PlannedLead]:
        """The same person once more on another platform, writing the number differently."""
        platforms = [
            platform
            for platform in ("oceanengine", "generic")
            if platform in by_platform and platform != first.connection.platform
        ]
        if not platforms:
            return []
        connection = self.dice.choice(by_platform[self.dice.choice(platforms)])
        written = self.dice.choice(SPELLINGS).format(
            self.phone[:3], self.phone[3:7], self.phone[7:]
        )
        lead = replace(
            self._lead(connection, post, first.lead.city),
            phone=written,
            product=first.lead.product,
        )
        kind = {"oceanengine": "clue", "generic": "form"}[connection.platform]
        return [self._planned(lead, connection, kind, post)]

    def _lead(self, connection: Connection, post: SeenPost | None, city: str) -> Lead:
        external = digest("lead", self.person, connection.connection_id)
        if connection.platform == "oceanengine":
            external = str(7_000_000_000_000_000_000 + int(external, 16) % 10**18)
        if connection.platform == "wecom":
            external = wecom_customer(connection.settings.corp_id, self.person)
        return Lead(
            external_id=external,
            person=self.person,
            name=self.name,
            phone=self.phone,
            city=city,
            product=self.dice.choice(PRODUCTS),
            note=self.dice.choice(NOTES),
            account_handle=post.account_handle if post else "",
            post_url=post.url if post else "",
            store_code=post.store_code if post else "",
            channel_code=post.channel_code if post else "",
            campaign=self.wave.campaign or "",
        )

    def _kind(self, connection: Connection) -> str:
        kinds = KINDS[connection.platform]
        writes = "message" in kinds and self.dice.random() < self.wave.message_rate
        return "message" if writes else kinds[0]

    def _planned(
        self, lead: Lead, connection: Connection, kind: str, post: SeenPost | None
    ) -> PlannedLead:
        dice = self.dice
        if kind == "message":
            lead = replace(lead, note=dice.choice(QUESTIONS).format(url=lead.post_url))
        doubled = dice.random() < self.wave.duplicate_rate
        return PlannedLead(
            lead=lead,
            connection=connection,
            kind=kind,
            post_id=post.post_id if post else "",
            copies=1 + (dice.randint(1, MAX_EXTRA_COPIES) if doubled else 0),
            late=dice.random() < self.wave.reorder_rate,
        )
