"""Bodies of advocates, their history, and of who made posts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from pydantic import BaseModel, ConfigDict, Field

from account_svc.models.advocate import (
    AdvocateFacts,
    AuthorClass,
    Relation,
    RelationKind,
    class_at,
)
from account_svc.models.facts import Facts
from account_svc.schemas.staff import mask_name, mask_phone
from shared.ids import AccountId, AdvocateId, PostId, RelationId, UnitId, typed
from shared.sealing import Vault, unseal


class AdvocateIn(AdvocateFacts):
    unit_id: UnitId
    """Who keeps in touch with them."""


class LinkAccountIn(Facts):
    account_id: AccountId


class WithdrawRelationIn(Facts):
    relation_id: RelationId
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class RelationOut(BaseModel):
    """`proof` is null for callers without personal data. What was withdrawn counts no more."""

    id: RelationId
    kind: RelationKind
    happened_on: date
    proof: str | None
    recorded_by: str
    recorded_at: datetime
    withdrawn_by: str | None
    withdrawn_at: datetime | None
    withdrawn_because: str | None


class AdvocateOut(BaseModel):
    """`author_class` is that of now. Name and phone are masked for callers without personal data,
    and null once the person is erased."""

    id: AdvocateId
    unit_id: UnitId
    name: str | None
    phone: str | None
    author_class: AuthorClass
    relations: list[RelationOut]
    """By day."""
    account_ids: list[AccountId]
    added_at: datetime


class ReclassedOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    post_id: PostId
    class_at_publication: AuthorClass
    class_by_history: AuthorClass


class HistoryChangedOut(BaseModel):
    """`reclassed` are the posts that the change classes otherwise than the history before it; the
    class at publication stays as it was."""

    advocate_id: AdvocateId
    relation_id: RelationId
    author_class: AuthorClass
    reclassed: list[ReclassedOut]


class PostAuthorOut(BaseModel):
    """As whom a post was made: as it was known at publication, and as the history says now."""

    post_id: PostId
    account_id: AccountId
    advocate_id: AdvocateId | None
    class_at_publication: AuthorClass
    class_by_history: AuthorClass
    published_at: datetime


def histories(rows: Iterable[asyncpg.Record]) -> dict[UUID, list[Relation]]:
    """By advocate what was not withdrawn."""
    found: dict[UUID, list[Relation]] = defaultdict(list)
    for row in rows:
        if row["withdrawn_at"] is None:
            found[row["advocate_id"]].append(
                Relation(RelationKind(row["kind"]), row["happened_on"])
            )
    return found


def advocate_json(
    row: asyncpg.Record,
    relations: list[asyncpg.Record],
    account_ids: list[UUID],
    brand_id: UUID,
    vault: Vault,
    at: datetime,
    *,
    masked: bool,
) -> dict[str, Any]:
    """A row of SELECT_ADVOCATE in the shape of AdvocateOut."""
    data_key = None
    if row["wrapped"] is not None:
        data_key = vault.unwrap(row["wrapped"], row["kek_version"], brand_id, row["id"])

    def opened(field: str, blob: bytes | None) -> str | None:
        if data_key is None or blob is None:
            return None
        return unseal(data_key, blob, brand_id, row["id"], field).decode()

    name, phone = opened("name", row["name_sealed"]), opened("phone", row["phone_sealed"])
    return {
        "id": typed("advocate", row["id"]),
        "unit_id": typed("unit", row["unit_id"]),
        "name": mask_name(name) if masked and name else name,
        "phone": mask_phone(phone) if masked and phone else phone,
        "author_class": class_at(histories(relations)[row["id"]], at),
        "relations": [
            {
                "id": typed("relation", each["id"]),
                "kind": each["kind"],
                "happened_on": each["happened_on"],
                "proof": None if masked else opened(f"proof/{each['id']}", each["proof_sealed"]),
                "recorded_by": each["recorded_by"],
                "recorded_at": each["recorded_at"],
                "withdrawn_by": each["withdrawn_by"],
                "withdrawn_at": each["withdrawn_at"],
                "withdrawn_because": each["withdrawn_because"],
            }
            for each in relations
        ],
        "account_ids": [typed("acct", each) for each in account_ids],
        "added_at": row["added_at"],
    }


def author_json(row: asyncpg.Record, known: Mapping[UUID, list[Relation]]) -> dict[str, Any]:
    """A row of SELECT_AUTHOR in the shape of PostAuthorOut."""
    advocate_id = row["advocate_id"]
    is_theirs = advocate_id is not None and row["staff_id"] is None
    by_history = (
        class_at(known.get(advocate_id, []), row["published_at"])
        if is_theirs
        else row["author_class"]
    )
    return {
        "post_id": typed("post", row["id"]),
        "account_id": typed("acct", row["account_id"]),
        "advocate_id": advocate_id and typed("advocate", advocate_id),
        "class_at_publication": row["author_class"],
        "class_by_history": by_history,
        "published_at": row["published_at"],
    }
