"""lead_svc against a real database, with the roles it runs as. Every test has its own brand."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
from asgi_lifespan import LifespanManager
from sqlalchemy import select, text
from starlette.types import ASGIApp

from deploy.local.databases import ServiceUrls
from lead_svc.app import create_app
from lead_svc.consumers import DIRECTORY_HANDLERS, pipeline_handlers
from lead_svc.settings import Settings
from lead_svc.use_cases.capture import capture_lead
from lead_svc.worker import offer_timers, qualify_timer, transfer_timer
from shared.access import Principal, Role
from shared.authentication import issue_service_token
from shared.clock import now
from shared.database import Sessions, brand_session, create_engine, create_sessions
from shared.envelope import Envelope
from shared.events import Event, decode
from shared.events.account import (
    AccountRegistered,
    AccountStatus,
    Platform,
    StaffJoined,
    UnitAdded,
    UnitKind,
)
from shared.events.content import CampaignLaunched, CampaignMode, PostPublished
from shared.ids import uuid7
from shared.inbox import Inbox
from shared.sealing import Vault, open_vault
from shared.settings import Environment, read_key
from shared.tables import OutboxRow
from shared.timers import Due
from tests.wiring import wire

GRACE = timedelta(0)

E = TypeVar("E", bound=Event)


@pytest.fixture(scope="session")
def settings(lead_database: ServiceUrls, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    assert lead_database.intake is not None
    return Settings(
        **wire(lead_database, tmp_path_factory.mktemp("lead-keys")),
        environment=Environment.DEVELOPMENT,
        intake_database_url=lead_database.intake,
    )


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[ASGIApp]:
    created = create_app(settings)
    async with LifespanManager(created) as manager:
        yield manager.app


@dataclass
class Brand:
    """A brand of its own in lead_svc, with the events that other services tell of it."""

    sessions: Sessions
    worker: Sessions
    vault: Vault
    settings: Settings
    app: ASGIApp
    id: UUID = field(default_factory=uuid7)
    versions: dict[str, int] = field(default_factory=dict)

    async def receive(self, event: Event) -> None:
        """Deliver the event to its consumer, twice."""
        version = self.versions.get(event.subject, 0) + 1
        self.versions[event.subject] = version
        await self.receive_as(event, version)

    async def receive_as(self, event: Event, version: int) -> None:
        """Deliver the event, twice, as this version of its aggregate, whichever came before."""
        handlers = {**DIRECTORY_HANDLERS, **pipeline_handlers(self.vault, GRACE)}
        await self._deliver(event, version, handlers)

    async def take_parked(self) -> None:
        """Take in what waited for an event that has come, as the consumer's retry worker does."""
        inbox = Inbox("test", DIRECTORY_HANDLERS, self.worker, self.audit_key)
        while await inbox.retry_due():
            pass

    async def _deliver(self, event: Event, version: int, handlers: Any) -> None:
        inbox = Inbox("test", handlers, self.worker, self.audit_key)
        at = now()
        envelope = Envelope(
            event_id=uuid7(),
            key=event.subject,
            topic=event.topic,
            version=version,
            brand_id=self.id,
            type=event.type,
            occurred_at=at,
            traceparent=None,
            headers={"ce_type": event.type, "ce_time": at.isoformat()},
            payload=event.data(),
        )
        await inbox.take([envelope])
        await inbox.take([envelope])

    @property
    def audit_key(self) -> bytes:
        return read_key(self.settings.audit_key_file)

    async def run_pipeline(self, grace: timedelta = GRACE) -> None:
        """Deliver our own announcements to the pipeline, as the relay and the consumer would."""
        handlers = pipeline_handlers(self.vault, grace)
        for row in await self.outbox():
            if row.topic == "kos.lead" and row.version > self.versions.get(row.key, 0):
                event = decode(row.headers["ce_type"], row.payload)
                assert event is not None
                self.versions[row.key] = row.version
                await self._deliver(event, row.version, handlers)

    async def settle(self) -> None:
        """Run the pipeline until it announces nothing new."""
        seen = -1
        while seen != len(rows := await self.outbox()):
            seen = len(rows)
            await self.run_pipeline()

    async def outbox(self) -> list[OutboxRow]:
        async with brand_session(self.sessions, self.id) as session:
            statement = select(OutboxRow).where(OutboxRow.brand_id == self.id)
            return list(await session.scalars(statement.order_by(OutboxRow.id)))

    async def announced(self, kind: type[E]) -> list[E]:
        """What was announced of this kind, in order; `Event` for everything."""
        events = [decode(row.headers["ce_type"], row.payload) for row in await self.outbox()]
        return [event for event in events if isinstance(event, kind)]

    async def rows(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        async with brand_session(self.sessions, self.id) as session:
            result = await session.execute(text(query), parameters)
            return [dict(row) for row in result.mappings()]

    async def execute(self, statement: str, **parameters: Any) -> None:
        async with brand_session(self.sessions, self.id) as session:
            await session.execute(text(statement), parameters)

    async def add_unit(
        self, kind: UnitKind, code: str, path: list[UUID] | None = None
    ) -> list[UUID]:
        """A unit below the last of `path`; its own path."""
        unit_id = uuid7()
        own = [*(path or []), unit_id]
        await self.receive(
            UnitAdded(unit_id=unit_id, kind=kind, code=code, name=code, ancestor_ids=own)
        )
        return own

    async def add_seller(self, unit_id: UUID, *, capacity: int = 10, **more: Any) -> UUID:
        staff_id = uuid7()
        await self.receive(
            StaffJoined(
                staff_id=staff_id,
                unit_id=unit_id,
                is_seller=more.pop("is_seller", True),
                open_lead_capacity=capacity,
                **more,
            )
        )
        return staff_id

    async def add_account(
        self,
        unit_id: UUID,
        staff_id: UUID | None,
        *,
        handle: str = "handle",
        platform: Platform = Platform.DOUYIN,
        status: AccountStatus = AccountStatus.ACTIVE,
    ) -> UUID:
        account_id = uuid7()
        await self.receive(
            AccountRegistered(
                account_id=account_id,
                platform=platform,
                handle=handle,
                platform_id=f"id-of-{handle}",
                domain="public",
                seat="kos",
                unit_id=unit_id,
                staff_id=staff_id,
                status=status,
            )
        )
        return account_id

    async def add_post(
        self,
        account_id: UUID,
        unit_id: UUID,
        staff_id: UUID | None,
        *,
        url: str,
        campaign_id: UUID | None = None,
    ) -> UUID:
        post_id = uuid7()
        await self.receive(
            PostPublished(
                post_id=post_id,
                account_id=account_id,
                campaign_id=campaign_id,
                platform=Platform.DOUYIN,
                staff_id=staff_id,
                unit_id=unit_id,
                platform_post_id=url.rpartition("/")[2],
                url=url,
                published_at=now(),
            )
        )
        return post_id

    async def add_campaign(self, code: str) -> UUID:
        campaign_id = uuid7()
        await self.receive(
            CampaignLaunched(
                campaign_id=campaign_id,
                name=code,
                code=code,
                mode=CampaignMode.DISTRIBUTED_CREATION,
                planned=1,
                starts_at=now(),
                ends_at=now() + timedelta(days=7),
            )
        )
        return campaign_id

    async def capture(self, **data: Any) -> UUID:
        """A lead with these fields of the generic hook, captured and not yet qualified."""
        async with brand_session(self.sessions, self.id) as session:
            principal = Principal(self.id, "test", frozenset({Role.SCRM}))
            lead = await capture_lead(session, self.vault, principal, data)
            return lead.id

    async def lead(self, **data: Any) -> UUID:
        """A captured lead that went through the pipeline."""
        lead_id = await self.capture(**data)
        await self.settle()
        return lead_id

    async def run_timer(self, kind: str, subject_id: UUID) -> Any:
        """Run a timer's handler as the worker does, whether or not it is due."""
        handlers = {
            **offer_timers(self.worker, self.audit_key),
            **transfer_timer(self.worker, self.audit_key),
            **qualify_timer(self.worker, self.vault, self.audit_key, timedelta(seconds=10)),
        }
        return await handlers[kind](Due(self.id, kind, subject_id, now(), 0))

    async def timers(self) -> list[tuple[str, UUID]]:
        rows = await self.rows("select kind, subject_id from timer order by due_at")
        return [(row["kind"], row["subject_id"]) for row in rows]

    def client(
        self,
        role: Role = Role.BRAND_ADMIN,
        *,
        staff_id: UUID | None = None,
        unit_ids: tuple[UUID, ...] = (),
        scopes: frozenset[str] | None = None,
        brand_id: UUID | None = None,
    ) -> httpx.AsyncClient:
        """Requests of a caller with this role; the caller closes it."""
        principal = Principal(
            brand_id=brand_id or self.id,
            actor=f"test:{role.value}",
            roles=frozenset({role}),
            unit_ids=unit_ids,
            staff_id=staff_id,
            scopes=scopes,
        )
        token = issue_service_token(principal, read_key(self.settings.service_secret_file))
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://lead",
            headers={"Authorization": f"Bearer {token}"},
        )

    async def get(self, path: str, **caller: Any) -> Any:
        async with self.client(**caller) as client:
            return (await client.get(path)).raise_for_status().json()

    async def post(
        self, path: str, body: Any = None, *, key: str | None = None, **caller: Any
    ) -> httpx.Response:
        """`key` is the idempotency key."""
        headers = {} if key is None else {"Idempotency-Key": key}
        async with self.client(**caller) as client:
            return await client.post(path, json=body, headers=headers)


@dataclass(frozen=True)
class Store:
    """A store below a dealer and a region, with one seller and their account and post."""

    brand_path: list[UUID]
    region_path: list[UUID]
    path: list[UUID]
    seller: UUID
    account: UUID
    post: UUID
    url: str

    @property
    def id(self) -> UUID:
        return self.path[-1]

    @property
    def region(self) -> UUID:
        return self.region_path[-1]


@pytest.fixture
async def brand(
    lead_database: ServiceUrls, settings: Settings, app: ASGIApp
) -> AsyncIterator[Brand]:
    engine, worker = create_engine(lead_database.app), create_engine(lead_database.worker)
    yield Brand(
        create_sessions(engine), create_sessions(worker), open_vault(settings), settings, app
    )
    await engine.dispose()
    await worker.dispose()


@pytest.fixture
async def store(brand: Brand) -> Store:
    brand_path = await brand.add_unit(UnitKind.BRAND, "HQ")
    region_path = await brand.add_unit(UnitKind.REGION, "EAST", brand_path)
    path = await brand.add_unit(UnitKind.STORE, "S1", region_path)
    seller = await brand.add_seller(path[-1])
    account = await brand.add_account(path[-1], seller)
    url = f"https://www.douyin.com/video/{uuid7().hex}"
    post = await brand.add_post(account, path[-1], seller, url=url)
    return Store(brand_path, region_path, path, seller, account, post, url)
