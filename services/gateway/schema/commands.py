"""Mutations: a verb of a service, its result or its refusal."""

from typing import Any, TypeVar

import msgspec
import strawberry

from gateway.context import Info, is_id, prefetch
from gateway.rows import Kind, read_one
from gateway.schema.problems import Invalid, Refusal, problem_of
from gateway.upstream import Refused, Service

T = TypeVar("T")


@strawberry.input
class Command:
    """What every mutation's input has."""

    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Repeating a mutation with the same key gives the first answer again.",
    )


@strawberry.input
class OnOne(Command):
    """A verb on one resource."""

    id: strawberry.ID


@strawberry.input
class OnOneWithReason(OnOne):
    reason: str


async def send(
    info: Info,
    service: Service,
    path: str,
    answer: type[T],
    command: Command,
    *,
    method: str = "POST",
    body: object = None,
) -> T | Refusal:
    """Send the input without its key, or `body`; read the service's answer as `answer`.

    Refusals become problems. An outage, or a bug of the service, is an error of the operation.
    """
    key = command.idempotency_key
    if key is not None and not (key.isascii() and key.isprintable()):
        # It travels as a header.
        return Invalid(
            code="invalid",
            message="must be printable ASCII characters",
            path=["input", "idempotencyKey"],
        )
    try:
        received = await info.context.upstream.fetch(
            service,
            method,
            path,
            info.context.caller,
            msgspec.json.encode(body_of(command) if body is None else body),
            is_read=False,
            idempotency_key=key,
        )
    except Refused as refused:
        return problem_of(refused)
    row = read_one(answer, received)
    await prefetch(info, [row])
    return row


async def run(info: Info, kind: Kind[T], command: Command) -> T | Refusal:
    """Make a resource of the kind."""
    return await send(info, kind.service, kind.path, kind.type, command)


async def run_on(info: Info, kind: Kind[T], command: OnOne, verb: str) -> T | Refusal:
    """Send a command to one resource of the kind, which answers with its new state."""
    return await run_for(info, kind, command, verb, kind.type)


async def run_for(
    info: Info, kind: Kind[Any], command: OnOne, verb: str, answer: type[T]
) -> T | Refusal:
    """Send a command to one resource of the kind, which answers with something else."""
    if not is_id(command.id, kind.prefix):
        return not_an_id("id", kind.prefix)
    body = body_of(command)
    del body["id"]
    path = f"{kind.path}/{command.id}/{verb}"
    return await send(info, kind.service, path, answer, command, body=body)


def not_an_id(name: str, prefix: str) -> Refusal:
    return Invalid(
        code="invalid", message=f"expected an id that starts with {prefix}_", path=["input", name]
    )


def body_of(command: Command) -> dict[str, Any]:
    """The fields of an input that were given, in the services' names."""
    body = given(command)
    body.pop("idempotency_key", None)
    return body


def given(value: object) -> dict[str, Any]:
    """An input as a body: what was left out, or given as null, is left out."""
    body: dict[str, Any] = _without_nulls(msgspec.to_builtins(value))
    return body


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value
