"""Sends hooks as the platforms do: a short patience, three repeats, and a ledger of it all."""

import asyncio
import dataclasses
import json
import time
from collections import defaultdict
from typing import Annotated, Any

import httpx
from fastapi import Depends, Request
from prometheus_client import Counter

from deploy.sandbox import faults
from deploy.sandbox.faults import Kind
from deploy.sandbox.hooks.connections import Connection, find_connection
from deploy.sandbox.hooks.wire import Message, compose, is_accepted
from deploy.sandbox.world import World, instant

DELIVERIES = Counter(
    "sandbox_hook_deliveries", "Hooks sent, by what became of them", ["platform", "outcome"]
)

REPEATS = 3
REORDER_PATIENCE_SECONDS = 1.0
KEPT_ANSWER_CHARACTERS = 500
# A 4xx will not change by repeating, except these two that speak about the moment.
WORTH_REPEATING = {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS}


class Sender:
    """Delivers messages; knows which connection sent last, which `reorder` waits for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._sent: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def send(self, connection: Connection, message: Message) -> int:
        """Delivers once with all repeats and returns the `seq` of its ledger row."""
        seq = self._open(connection, message)
        twice = False
        held = False
        for rule in faults.draw(
            self.world.db, "hooks", connection.platform, connection.connection_id
        ):
            match rule.kind:
                case Kind.LOST:
                    self._close(connection, seq, [], "lost")
                    return seq
                case Kind.DELAY:
                    await asyncio.sleep(rule.delay_seconds)
                case Kind.REORDER:
                    held = True
                case Kind.DUPLICATE:
                    twice = True
                case Kind.GARBAGE_BODY:
                    message = dataclasses.replace(message, raw='{"broken": ')
                case _:
                    message = dataclasses.replace(message, bad_signature=True)
        if held:
            await self._wait_for_next(connection.connection_id)
        attempts, outcome = await self._attempts(connection, message)
        if twice:
            again, outcome = await self._attempts(connection, message)
            attempts += again
        self._close(connection, seq, attempts, outcome)
        self._sent.pop(connection.connection_id, asyncio.Event()).set()
        return seq

    async def repeat(self, seq: int) -> None:
        """Sends a delivery of the ledger again, with the same ids."""
        row = self.world.db.execute("SELECT * FROM delivery WHERE seq = ?", (seq,)).fetchone()
        connection = find_connection(self.world, row["connection_id"])
        if connection is None:
            return
        attempts, outcome = await self._attempts(connection, Message(**json.loads(row["message"])))
        self._close(connection, seq, json.loads(row["attempts"]) + attempts, outcome)

    async def _wait_for_next(self, connection_id: str) -> None:
        try:
            async with asyncio.timeout(REORDER_PATIENCE_SECONDS):
                await self._sent[connection_id].wait()
        except TimeoutError:
            return

    async def _attempts(
        self, connection: Connection, message: Message
    ) -> tuple[list[dict[str, Any]], str]:
        attempts: list[dict[str, Any]] = []
        for repeat in range(1 + REPEATS):
            if repeat:
                await asyncio.sleep(self.world.settings.hook_retry_seconds)
            wire = compose(connection, message)
            attempt: dict[str, Any] = {"at": instant(time.time())}
            attempts.append(attempt | {"status": None, "answer": "", "error": ""})
            try:
                answer = await self.world.http.post(
                    connection.hook_url(self.world, wire.path),
                    content=wire.body,
                    headers=dict(wire.headers),
                    params=dict(wire.query),
                )
            except httpx.HTTPError as error:
                attempts[-1]["error"] = type(error).__name__
                continue
            attempts[-1] |= {
                "status": answer.status_code,
                "answer": answer.text[:KEPT_ANSWER_CHARACTERS],
            }
            if is_accepted(connection.platform, message, answer):
                return attempts, "accepted"
            if answer.is_client_error and answer.status_code not in WORTH_REPEATING:
                return attempts, "refused"
        return attempts, "failed"

    def _open(self, connection: Connection, message: Message) -> int:
        with self.world.db:
            row = self.world.db.execute(
                "INSERT INTO delivery (connection_id, platform, message_id, message)"
                " VALUES (?, ?, ?, ?) RETURNING seq",
                (
                    connection.connection_id,
                    connection.platform,
                    message.message_id,
                    json.dumps(dataclasses.asdict(message), ensure_ascii=False),
                ),
            ).fetchone()
        return int(row["seq"])

    def _close(
        self, connection: Connection, seq: int, attempts: list[dict[str, Any]], outcome: str
    ) -> None:
        DELIVERIES.labels(connection.platform, outcome).inc()
        with self.world.db:
            self.world.db.execute(
                "UPDATE delivery SET attempts = ?, outcome = ? WHERE seq = ?",
                (json.dumps(attempts, ensure_ascii=False), outcome, seq),
            )


def get_sender(request: Request) -> Sender:
    sender: Sender = request.state.sender
    return sender


WithSender = Annotated[Sender, Depends(get_sender)]


def get_delivery(world: World, seq: int) -> dict[str, Any]:
    row = world.db.execute("SELECT * FROM delivery WHERE seq = ?", (seq,)).fetchone()
    return {
        "seq": row["seq"],
        "connection_id": row["connection_id"],
        "platform": row["platform"],
        "message_id": row["message_id"],
        "event": json.loads(row["message"])["event"],
        "attempts": json.loads(row["attempts"]),
        "outcome": row["outcome"],
    }
