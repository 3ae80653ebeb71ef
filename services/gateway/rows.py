"""Rows: the plain fields of a GraphQL type as a msgspec struct, decoded from a service's answer.

The Strawberry type is the one definition. What a service sends is decoded into the struct made
from it, which has the same attributes, so resolvers take either; it costs a third of a dataclass
and skips what the type does not know. Names on the wire are the Python names (snake case).
"""

import dataclasses
import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import (
    Any,
    Generic,
    NewType,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
)

import msgspec
import strawberry
from strawberry.scalars import JSON
from strawberry.types.field import StrawberryField
from strawberry.types.private import is_private

from gateway.upstream import Service

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A type of resource: the prefix of its ids, and where its rows come from.

    The service answers `GET {path}` with pages and `POST {path}/by-ids` with the rows of ids.
    """

    prefix: str
    type: type[T]
    service: Service
    path: str
    sort_key: str = "id"
    """The field by which pages are sorted."""


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """`POST {path}` with ids answers one item of this type for each; `key` holds the id."""

    key: str
    type: type[T]
    service: Service
    path: str


class PageInfoRow(msgspec.Struct, gc=False):
    has_next: bool
    end_cursor: str | None = None


class PageOf(msgspec.Struct, Generic[T], gc=False):
    """A list endpoint's answer."""

    items: list[T]
    page: PageInfoRow


class ItemsOf(msgspec.Struct, Generic[T], gc=False):
    """A by-ids endpoint's answer, or a short list without pages."""

    items: list[T]


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def resource(cls: type[T]) -> type[T]:
    """A Strawberry type whose instances come from a service as rows."""

    def is_type_of(value: object, _info: object) -> bool:
        return isinstance(value, row_of(made))

    cls.is_type_of = staticmethod(is_type_of)  # type: ignore[attr-defined]
    made = strawberry.type(cls)
    return made


_ROWS: dict[type[Any], type[msgspec.Struct]] = {}
_DECODERS: dict[Any, Callable[[bytes], Any]] = {}


def row_of(kind: type[Any]) -> type[msgspec.Struct]:
    """The struct with the plain fields of a Strawberry type; resolvers are left out."""
    row = _ROWS.get(kind)
    if row is None:
        row = _ROWS[kind] = _make_row(kind)
    return row


def _make_row(kind: type[Any]) -> type[msgspec.Struct]:
    # Not typing.get_type_hints: it would resolve the annotations of relations, whose types live
    # in modules that import this one's.
    hints: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        hints.update(inspect.get_annotations(base))
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in dataclasses.fields(kind):
        if isinstance(field, StrawberryField) and field.base_resolver is not None:
            continue
        wire, is_optional = _wire_type(hints[field.name])
        fields.append((field.name, wire, None) if is_optional else (field.name, wire))
    return msgspec.defstruct(f"{kind.__name__}Row", fields, kw_only=True, gc=False)


def _wire_type(hint: Any) -> tuple[Any, bool]:
    """How a field travels: ids, instants and enums as the text they are; and if it may be null."""
    wire, is_optional = hint, False
    origin = get_origin(hint)
    if hint is JSON:
        wire = Any
    elif is_private(hint):
        wire, is_optional = _wire_type(get_args(hint)[0])
    elif origin in (Union, types.UnionType):
        inner = tuple(_wire_type(part)[0] for part in get_args(hint))
        wire, is_optional = Union[inner], type(None) in inner  # noqa: UP007 - made at run time
    elif origin is list:
        item = _wire_type(get_args(hint)[0])[0]
        wire = list[item]  # type: ignore[valid-type]
    elif isinstance(hint, NewType):
        wire, _ = _wire_type(hint.__supertype__)
    elif isinstance(hint, type) and issubclass(hint, Enum):
        wire = str
    elif dataclasses.is_dataclass(hint):
        wire = row_of(cast("type[Any]", hint))
    return wire, is_optional


def _decode(shape: Any, answer: bytes) -> Any:
    decode = _DECODERS.get(shape)
    if decode is None:
        decode = _DECODERS[shape] = msgspec.json.Decoder(shape).decode
    return decode(answer)


def read_one(kind: type[T], answer: bytes) -> T:
    row: T = _decode(row_of(kind), answer)
    return row


def read_items(kind: type[T], answer: bytes) -> list[T]:
    found: ItemsOf[T] = _decode(ItemsOf[row_of(kind)], answer)  # type: ignore[misc]
    return found.items


def read_page(kind: type[T], answer: bytes) -> PageOf[T]:
    page: PageOf[T] = _decode(PageOf[row_of(kind)], answer)  # type: ignore[misc]
    return page
