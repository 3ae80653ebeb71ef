"""A service as one caller of a brand reaches it, and what the service announced and audited."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select

from shared.access import Principal
from shared.authentication import issue_service_token
from shared.database import Sessions, brand_session
from shared.events import Event, decode
from shared.ids import parse_typed
from shared.tables import AuditRow, OutboxRow

Json = dict[str, Any]


@dataclass(frozen=True)
class Caller:
    http: httpx.AsyncClient
    secret: bytes
    sessions: Sessions
    principal: Principal

    async def request(
        self, method: str, path: str, *, key: str | None = None, **options: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {issue_service_token(self.principal, self.secret)}"}
        if key is not None:
            headers["idempotency-key"] = key
        headers |= options.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **options)

    async def get(self, path: str, **parameters: Any) -> Json:
        answer = await self.request("GET", path, params=parameters)
        assert answer.status_code == 200, answer.text
        return json_of(answer)

    async def post(self, path: str, body: Json | None = None, *, key: str | None = None) -> Json:
        answer = await self.request("POST", path, json=body, key=key)
        assert answer.status_code in (200, 201), answer.text
        return json_of(answer)

    async def put(self, path: str, body: Json) -> Json:
        answer = await self.request("PUT", path, json=body)
        assert answer.status_code == 200, answer.text
        return json_of(answer)

    async def refuse(self, path: str, body: Json | None = None) -> Json:
        """The problem that a POST is refused with; checks that nothing was announced or audited."""
        before = await self.events(), await self.audited()
        answer = await self.request("POST", path, json=body)
        assert answer.status_code >= 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert (await self.events(), await self.audited()) == before
        return json_of(answer)

    async def events(self, topic: str | None = None) -> list[Event]:
        """Every fact that the brand has announced, in order."""
        return [event for event, _ in await self.events_with_versions(topic)]

    async def events_with_versions(self, topic: str | None = None) -> list[tuple[Event, int]]:
        async with brand_session(self.sessions, self.principal.brand_id) as session:
            rows = await session.scalars(select(OutboxRow).order_by(OutboxRow.id))
            found = []
            for row in rows:
                event = decode(row.headers["ce_type"], row.payload)
                assert event is not None
                if topic in (None, event.topic):
                    found.append((event, row.version))
            return found

    async def audited(self) -> list[tuple[str, str, str]]:
        """Actor, action and subject of every audit row of the brand."""
        async with brand_session(self.sessions, self.principal.brand_id) as session:
            rows = await session.scalars(select(AuditRow).order_by(AuditRow.sequence))
            return [(row.actor, row.action, row.subject) for row in rows]


def json_of(answer: httpx.Response) -> Json:
    body = answer.json()
    assert isinstance(body, dict)
    return body


def uuid_of(typed_id: str) -> UUID:
    return parse_typed(typed_id)[1]
