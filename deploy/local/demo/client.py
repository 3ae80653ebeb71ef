"""Driving a running stack from outside: GraphQL as a brand would, REST for bulk."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import httpx

from deploy.local import identity
from deploy.local.settings import DEMO_BRAND, StackUrls

PROBLEM = "... on Problem { code message path }"


class DemoFailed(Exception):
    """A step did not do what it should; the message says which and why."""


class Client:
    """One HTTP client with tokens of the demo brand's people."""

    def __init__(self, urls: StackUrls, brand_id: str = DEMO_BRAND) -> None:
        self.urls = urls
        self.brand_id = brand_id
        self._http = httpx.AsyncClient(timeout=60, trust_env=False)
        self._tokens: dict[tuple[str, str | None], str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    def token(self, role: str = "brand_admin", staff_id: str | None = None) -> str:
        """An access token of the development issuer, made once per role and person."""
        key = (role, staff_id)
        if key not in self._tokens:
            self._tokens[key] = identity.issue_token(
                self.urls.key_dir,
                brand_id=self.brand_id,
                roles=[role],
                staff_id=staff_id,
                subject=staff_id or f"demo-{role}",
            )
        return self._tokens[key]

    async def query(
        self, document: str, variables: dict[str, Any] | None = None, *, token: str | None = None
    ) -> dict[str, Any]:
        """The data of an operation. DemoFailed when it has errors."""
        answer = await self._http.post(
            f"{self.urls.gateway}/graphql",
            json={"query": document, "variables": variables or {}},
            headers=self._bearer(token),
        )
        body = answer.json()
        if answer.status_code != 200 or body.get("errors"):
            raise DemoFailed(f"GraphQL answered {answer.status_code}: {body.get('errors', body)}")
        data: dict[str, Any] = body["data"]
        return data

    async def mutate(
        self,
        verb: str,
        of_type: str,
        fields: str,
        command: dict[str, Any],
        *,
        input_type: str | None = None,
        token: str | None = None,
    ) -> dict[str, Any]:
        """Run one mutation; its result. DemoFailed names the refusal."""
        result = await self.attempt(
            verb, of_type, fields, command, input_type=input_type, token=token
        )
        if result["__typename"] != of_type:
            raise DemoFailed(f"{verb} was refused: {result}")
        return result

    async def attempt(
        self,
        verb: str,
        of_type: str,
        fields: str,
        command: dict[str, Any],
        *,
        input_type: str | None = None,
        token: str | None = None,
    ) -> dict[str, Any]:
        """Run one mutation; its result or its refusal, told apart by `__typename`."""
        kind = input_type or f"{verb[0].upper()}{verb[1:]}Input"
        document = (
            f"mutation($input: {kind}!) {{ {verb}(input: $input) "
            f"{{ __typename ... on {of_type} {{ {fields} }} {PROBLEM} }} }}"
        )
        data = await self.query(document, {"input": command}, token=token)
        result: dict[str, Any] = data[verb]
        return result

    async def send(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        media_type: str | None = None,
        token: str | None = None,
    ) -> Any:
        """A REST call; its JSON. DemoFailed on any answer but a 2xx."""
        headers = self._bearer(token)
        if media_type is not None:
            headers["Content-Type"] = media_type
        answer = await self._http.request(method, url, json=json, content=content, headers=headers)
        if not answer.is_success:
            raise DemoFailed(f"{method} {url} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json() if answer.content else None

    def _bearer(self, token: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self.token()}"}


async def until(
    what: str, look: Callable[[], Awaitable[bool]], *, seconds: float = 60, every: float = 0.25
) -> None:
    """Look again and again until it is so; DemoFailed says what did not come about."""
    end = time.monotonic() + seconds
    while not await look():
        if time.monotonic() > end:
            raise DemoFailed(f"after {seconds:.0f} s still not so: {what}")
        await asyncio.sleep(every)
