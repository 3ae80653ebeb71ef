"""Database rows as the answers show them: typed ids outside, JSON columns untouched."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from shared.ids import typed
from shared.web import encode_cursor

_PREFIXES = {
    "account_id": "acct",
    "campaign_id": "camp",
    "community_id": "comm",
    "connection_id": "conn",
    "contact_id": "contact",
    "decision_id": "decision",
    "deputy_staff_id": "staff",
    "host_staff_id": "staff",
    "lead_id": "lead",
    "offer_id": "offer",
    "owner_staff_id": "staff",
    "post_id": "post",
    "private_account_id": "acct",
    "recorded_by_staff_id": "staff",
    "staff_id": "staff",
    "transfer_id": "transfer",
    "unit_id": "unit",
}
_JSON_COLUMNS = frozenset({"score_reasons", "inputs", "candidates", "explanation"})
_LEFT_OUT = frozenset({"total", "place"})


def shape(row: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """A row as its resource; `prefix` is that of its own id."""
    [item] = shape_all([row], prefix)
    return item


def shape_all(rows: Sequence[Mapping[str, Any]], prefix: str) -> list[dict[str, Any]]:
    """Rows of one statement as resources. Column by column, for each is of one kind."""
    if not rows:
        return []
    values = zip(*(row.values() for row in rows), strict=True)
    columns: dict[str, Sequence[Any]] = dict(zip(rows[0].keys(), values, strict=True))
    for name in _LEFT_OUT & columns.keys():
        del columns[name]
    prefixes = {**_PREFIXES, "id": prefix}
    for name in prefixes.keys() & columns.keys():
        own = prefixes[name]
        columns[name] = [one and typed(own, one) for one in columns[name]]
    for name in _JSON_COLUMNS & columns.keys():
        columns[name] = [_document(one) for one in columns[name]]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _document(value: Any) -> Any:
    return msgspec.Raw(value.encode()) if isinstance(value, str) else value


def page(
    items: Sequence[dict[str, Any]], rows: Sequence[asyncpg.Record], has_next: bool
) -> dict[str, Any]:
    end = encode_cursor(str(rows[-1]["id"])) if rows else None
    return {"items": items, "page": {"has_next": has_next, "end_cursor": end}}


def by_ids(items: Sequence[dict[str, Any]], prefix: str, wanted: Iterable[UUID]) -> dict[str, Any]:
    """The found items, and the wanted ids that are not among them."""
    found = {item["id"] for item in items}
    missing = dict.fromkeys(typed(prefix, one) for one in wanted)
    return {"items": items, "missing": [text for text in missing if text not in found]}


def grouped(
    rows: Sequence[asyncpg.Record], *, key: str, prefix: str, name: str, wanted: Iterable[UUID]
) -> dict[str, Any]:
    """Rows by the id in their column `key`, for every wanted id, in the order asked."""
    groups: dict[UUID, dict[str, Any]] = {
        one: {key: typed(_PREFIXES[key], one), "total": 0, name: []} for one in wanted
    }
    for row in rows:
        group = groups[row[key]]
        group["total"] = row["total"]
        group[name].append(shape(row, prefix))
    return {"items": list(groups.values())}
