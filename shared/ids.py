"""Typed, sortable ids: `lead_01j…` outside (TypeID: prefix + UUIDv7 in base32), UUID inside.

Source of the format: TypeID specification 0.3 (26 characters of Crockford base32 after the prefix).
"""

import re
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from ulid_transform import bytes_to_ulid, ulid_to_bytes
from uuid_utils.compat import uuid7

__all__ = [
    "AccountId",
    "AdvocateId",
    "ApiKeyId",
    "AppealId",
    "AssessmentId",
    "AssetId",
    "AttemptId",
    "AuditId",
    "AuthorizationId",
    "BrandId",
    "CampaignId",
    "CertificateId",
    "CommunityActivityId",
    "CommunityId",
    "ConnectionId",
    "ContactId",
    "CourseId",
    "CustomerBookId",
    "CustomerGroupId",
    "CustomerId",
    "DealId",
    "DecisionId",
    "DeliveryId",
    "DraftId",
    "EndpointId",
    "EntryId",
    "GoalId",
    "HandoverId",
    "HandoverItemId",
    "ImportId",
    "LayoutId",
    "LeadId",
    "LiftId",
    "OffRosterId",
    "OfferId",
    "PersonaId",
    "PolicyId",
    "PostId",
    "ReceiptId",
    "RelationId",
    "ReviewId",
    "RuleId",
    "StaffId",
    "TemplateId",
    "TouchpointId",
    "TransferId",
    "UnitId",
    "parse_id",
    "parse_typed",
    "typed",
    "uuid7",
]


# Digits in a prefix are more than the specification has, but its library reads them.
_TYPED = re.compile(r"(?:([a-z](?:[a-z0-9_]{0,61}[a-z0-9])?)_)?([0-7][0-9a-hjkmnp-tv-z]{25})")


def typed(prefix: str, value: UUID) -> str:
    """`typed("lead", uuid)` -> `lead_01j…`."""
    # A ULID is the same base32, in capitals. Every read renders hundreds of ids.
    return f"{prefix}_{bytes_to_ulid(value.bytes).lower()}"


def parse_typed(text: str) -> tuple[str, UUID]:
    """Split `lead_01j…` into its prefix and UUID; ValueError if it is not a TypeID."""
    found = _TYPED.fullmatch(text)
    if found is None:
        raise ValueError("not a typed id")
    return found[1] or "", UUID(bytes=ulid_to_bytes(found[2]))


def parse_id(prefix: str, text: str) -> UUID:
    """The UUID of a typed id that must carry this prefix; ValueError otherwise."""
    found, value = parse_typed(text)
    if found != prefix:
        raise ValueError(f"expected an id that starts with {prefix}_")
    return value


class _Prefix:
    """Validator and serialiser for one prefix; a plain UUID is accepted from Python only."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def parse(self, value: object) -> object:
        # As text: in JSON mode pydantic's UUID validator refuses a ready UUID.
        return str(parse_id(self.prefix, value)) if isinstance(value, str) else value

    def render(self, value: UUID) -> str:
        return typed(self.prefix, value)


def _typed_id(prefix: str) -> tuple[BeforeValidator, PlainSerializer, WithJsonSchema]:
    kind = _Prefix(prefix)
    return (
        BeforeValidator(kind.parse),
        PlainSerializer(kind.render, return_type=str, when_used="json"),
        WithJsonSchema({"type": "string", "pattern": f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"}),
    )


BrandId = Annotated[UUID, *_typed_id("brand")]
UnitId = Annotated[UUID, *_typed_id("unit")]
StaffId = Annotated[UUID, *_typed_id("staff")]
AccountId = Annotated[UUID, *_typed_id("acct")]
PersonaId = Annotated[UUID, *_typed_id("persona")]
ImportId = Annotated[UUID, *_typed_id("import")]
LayoutId = Annotated[UUID, *_typed_id("layout")]
OffRosterId = Annotated[UUID, *_typed_id("offroster")]
PolicyId = Annotated[UUID, *_typed_id("policy")]
RuleId = Annotated[UUID, *_typed_id("rule")]
EntryId = Annotated[UUID, *_typed_id("entry")]
ReviewId = Annotated[UUID, *_typed_id("review")]
AppealId = Annotated[UUID, *_typed_id("appeal")]
CourseId = Annotated[UUID, *_typed_id("course")]
AttemptId = Annotated[UUID, *_typed_id("attempt")]
CertificateId = Annotated[UUID, *_typed_id("cert")]
AssessmentId = Annotated[UUID, *_typed_id("assess")]
AdvocateId = Annotated[UUID, *_typed_id("advocate")]
RelationId = Annotated[UUID, *_typed_id("relation")]
LiftId = Annotated[UUID, *_typed_id("lift")]
GoalId = Annotated[UUID, *_typed_id("goal")]
ApiKeyId = Annotated[UUID, *_typed_id("apikey")]
AssetId = Annotated[UUID, *_typed_id("asset")]
CustomerBookId = Annotated[UUID, *_typed_id("book")]
CustomerId = Annotated[UUID, *_typed_id("cust")]
CustomerGroupId = Annotated[UUID, *_typed_id("community")]
HandoverId = Annotated[UUID, *_typed_id("handover")]
HandoverItemId = Annotated[UUID, *_typed_id("hitem")]
AuthorizationId = Annotated[UUID, *_typed_id("authorization")]
TemplateId = Annotated[UUID, *_typed_id("tmpl")]
CampaignId = Annotated[UUID, *_typed_id("camp")]
DraftId = Annotated[UUID, *_typed_id("draft")]
PostId = Annotated[UUID, *_typed_id("post")]
ConnectionId = Annotated[UUID, *_typed_id("conn")]
ReceiptId = Annotated[UUID, *_typed_id("rcpt")]
LeadId = Annotated[UUID, *_typed_id("lead")]
ContactId = Annotated[UUID, *_typed_id("contact")]
OfferId = Annotated[UUID, *_typed_id("offer")]
DecisionId = Annotated[UUID, *_typed_id("decision")]
TouchpointId = Annotated[UUID, *_typed_id("touch")]
TransferId = Annotated[UUID, *_typed_id("transfer")]
CommunityId = Annotated[UUID, *_typed_id("comm")]
CommunityActivityId = Annotated[UUID, *_typed_id("activity")]
DealId = Annotated[UUID, *_typed_id("deal")]
EndpointId = Annotated[UUID, *_typed_id("endpoint")]
DeliveryId = Annotated[UUID, *_typed_id("delivery")]
AuditId = Annotated[UUID, *_typed_id("audit")]
