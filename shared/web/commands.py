"""One write request is one transaction: brand, idempotency key, effects, audit, commit, answer."""

import hmac
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from shared import audit, idempotency
from shared.database import brand_session
from shared.errors import ServiceError
from shared.sealing import seal, unseal
from shared.web.bodies import take_body
from shared.web.problems import render

_READS = frozenset({"GET", "HEAD"})


class CommandRoute(APIRoute):
    """Route class of a router whose routes change state.

    The commit comes before the answer is sent. A refusal (ServiceError) rolls its effects back,
    is stored under the idempotency key like any answer, and replayed to a repeat.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        run = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.method in _READS:
                return await run(request)
            principal = await request.state.authenticator.authenticate(
                request.headers.get("authorization")
            )
            body = await take_body(request)
            header = request.headers.get("idempotency-key")
            key = None if header is None else idempotency.parse_key(header)
            brand_id = principal.brand_id
            async with brand_session(request.state.sessions, brand_id) as session:
                if key is not None:
                    store_key = hmac.digest(request.state.audit_key, b"idempotency", "sha256")
                    mark = idempotency.fingerprint(
                        principal.actor, request.method, request.url.path, body
                    )
                    stored = await idempotency.claim(session, brand_id, key, mark)
                    if stored is not None:
                        return Response(
                            unseal(store_key, stored.body, brand_id, brand_id, key),
                            stored.status,
                            {"Idempotency-Replayed": "true"},
                            media_type=stored.media_type,
                        )
                request.state.session = session
                try:
                    async with session.begin_nested():
                        response = await run(request)
                        # Constraints speak now, inside the savepoint, not at the commit.
                        await session.flush()
                except ServiceError as refusal:
                    audit.discard(session)
                    response = render(refusal)
                if key is not None and response.status_code < 500:
                    answer = idempotency.StoredAnswer(
                        response.status_code,
                        response.headers["content-type"],
                        # Sealed: an answer may hold personal data, or a secret shown once.
                        seal(store_key, bytes(response.body), brand_id, brand_id, key),
                    )
                    await idempotency.store(session, brand_id, key, answer)
                await audit.flush(session, brand_id, request.state.audit_key)
            return response

        return handle


async def _transaction(request: Request) -> AsyncSession:
    session = request.state.session
    assert isinstance(session, AsyncSession)
    return session


Transaction = Annotated[AsyncSession, Depends(_transaction)]
"""The session of the CommandRoute that runs: use cases and repositories never commit it."""
