"""The base of all events and the registry of their types."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.ids import typed


class Event(BaseModel):
    """A past fact about one aggregate. Equal facts compare equal; the outbox adds the envelope.

    Readers ignore unknown fields. Adding an optional field keeps the version; a new meaning is a
    new class with a new `type`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: ClassVar[str]
    type: ClassVar[str]
    subject_prefix: ClassVar[str]

    @property
    def key(self) -> UUID:
        """Id of the aggregate the fact is about: partition key and subject."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        return typed(self.subject_prefix, self.key)

    @classmethod
    def publisher(cls) -> str:
        """The publishing service: classes of `shared.events.lead` come from `/kos/lead_svc`."""
        return f"/kos/{cls.__module__.rpartition('.')[2]}_svc"

    def data(self) -> bytes:
        """The value on the wire: the facts alone, as JSON with typed ids."""
        return self.model_dump_json().encode()


E_co = TypeVar("E_co", bound=Event, covariant=True)


@dataclass(frozen=True, slots=True)
class Received(Generic[E_co]):
    """An event as a consumer gets it: the fact with what its envelope says."""

    event: E_co
    event_id: UUID
    brand_id: UUID
    version: int
    occurred_at: datetime
    traceparent: str | None = None


def event_types() -> list[type[Event]]:
    """Every concrete event class, in order of type."""
    found: dict[str, type[Event]] = {}
    stack: list[type[Event]] = [Event]
    while stack:
        kind = stack.pop()
        stack.extend(kind.__subclasses__())
        if "type" in kind.__dict__:
            found[kind.type] = kind
    return [found[name] for name in sorted(found)]


_BY_TYPE: dict[str, type[Event]] = {}


def decode(type_name: str, value: bytes) -> Event | None:
    """The event of a record; None for a type this version does not know.

    Raises pydantic.ValidationError when the value does not fit its type.
    """
    if not _BY_TYPE:
        _BY_TYPE.update({kind.type: kind for kind in event_types()})
    kind = _BY_TYPE.get(type_name)
    return None if kind is None else kind.model_validate_json(value)
