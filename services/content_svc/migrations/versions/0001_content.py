"""The library, campaigns, drafts, posts and the projections they need.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.migrations import create_plumbing, isolate

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "account_directory",
    "asset",
    "campaign",
    "campaign_place",
    "content_policy",
    "deal_outcome",
    "draft",
    "lead_outcome",
    "platform_authorization",
    "post",
    "post_metric",
    "staff_directory",
    "template",
    "unit_directory",
)


def upgrade() -> None:
    create_plumbing("content")
    op.create_table(
        "account_directory",
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("seat", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("persona_id", sa.Uuid(), nullable=True),
        sa.Column("persona_kind", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "account_id", name=op.f("pk_account_directory")),
    )
    op.create_index(
        "ix_account_directory_brand_id_platform_handle",
        "account_directory",
        ["brand_id", "platform", "handle"],
    )
    op.create_index(
        "ix_account_directory_brand_id_staff_id", "account_directory", ["brand_id", "staff_id"]
    )
    op.create_index(
        "ix_account_directory_brand_id_unit_id", "account_directory", ["brand_id", "unit_id"]
    )
    op.create_table(
        "asset",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("tags", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("licensed_until", sa.Date(), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset")),
    )
    op.create_index("ix_asset_brand_id_id", "asset", ["brand_id", "id"])
    op.create_table(
        "campaign",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mode", sa.String(length=40), nullable=False),
        sa.Column("template_id", sa.Uuid(), nullable=False),
        sa.Column("asset_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("unit_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("platforms", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("persona_kinds", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("slot_values", postgresql.JSONB(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posts_per_account_gap_minutes", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("is_compiled", sa.Boolean(), nullable=False),
        sa.Column("compiled_through", sa.Uuid(), nullable=True),
        sa.Column("is_written", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("brand_id", "code", name=op.f("uq_campaign_brand_id_code")),
    )
    op.create_index("ix_campaign_brand_id_id", "campaign", ["brand_id", "id"])
    op.create_table(
        "campaign_place",
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_written", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "brand_id", "campaign_id", "account_id", name=op.f("pk_campaign_place")
        ),
    )
    op.create_index(
        "ix_campaign_place_brand_id_account_id_due_at",
        "campaign_place",
        ["brand_id", "account_id", "due_at"],
    )
    op.create_index(
        "ix_campaign_place_unwritten",
        "campaign_place",
        ["brand_id", "campaign_id", "account_id"],
        postgresql_where=sa.text("not is_written"),
    )
    op.create_table(
        "content_policy",
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("industry", sa.Text(), nullable=False),
        sa.Column("never_words", postgresql.JSONB(), nullable=False),
        sa.Column("competitor_words", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("evidence", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("brand_id", name=op.f("pk_content_policy")),
    )
    op.create_table(
        "deal_outcome",
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("deal_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("is_voided", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "deal_id", name=op.f("pk_deal_outcome")),
    )
    op.create_index(
        "ix_deal_outcome_brand_id_campaign_id", "deal_outcome", ["brand_id", "campaign_id"]
    )
    op.create_table(
        "draft",
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("is_planned", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("asset_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("locked", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("verdict", sa.String(length=40), nullable=False),
        sa.Column("findings", postgresql.JSONB(), nullable=False),
        sa.Column("pack_version", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
    )
    op.create_index(
        "ix_draft_brand_id_campaign_id_status", "draft", ["brand_id", "campaign_id", "status"]
    )
    op.create_index("ix_draft_brand_id_id", "draft", ["brand_id", "id"])
    op.create_index(
        "uq_draft_planned",
        "draft",
        ["brand_id", "campaign_id", "account_id"],
        unique=True,
        postgresql_where=sa.text("is_planned"),
    )
    op.create_table(
        "lead_outcome",
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("is_accepted", sa.Boolean(), nullable=False),
        sa.Column("is_voided", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "lead_id", name=op.f("pk_lead_outcome")),
    )
    op.create_index(
        "ix_lead_outcome_brand_id_campaign_id", "lead_outcome", ["brand_id", "campaign_id"]
    )
    op.create_index("ix_lead_outcome_brand_id_post_id", "lead_outcome", ["brand_id", "post_id"])
    op.create_table(
        "platform_authorization",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.Column("credentials", sa.LargeBinary(), nullable=False),
        sa.Column("token_version", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refresh_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_authorization")),
    )
    op.create_index(
        "uq_platform_authorization_platform_account_id",
        "platform_authorization",
        ["brand_id", "platform", "account_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "post",
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("template_id", sa.Uuid(), nullable=True),
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("progress", postgresql.JSONB(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("platform_post_id", sa.Text(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("handoff_deadline_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivery", postgresql.JSONB(), nullable=True),
        sa.Column("views", sa.BigInteger(), nullable=False),
        sa.Column("likes", sa.BigInteger(), nullable=False),
        sa.Column("saves", sa.BigInteger(), nullable=False),
        sa.Column("comments", sa.BigInteger(), nullable=False),
        sa.Column("shares", sa.BigInteger(), nullable=False),
        sa.Column("follows", sa.BigInteger(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post")),
        sa.UniqueConstraint(
            "brand_id",
            "platform",
            "platform_post_id",
            name=op.f("uq_post_brand_id_platform_platform_post_id"),
        ),
    )
    op.create_index("ix_post_brand_id_account_id", "post", ["brand_id", "account_id"])
    op.create_index(
        "ix_post_brand_id_campaign_id_status", "post", ["brand_id", "campaign_id", "status"]
    )
    op.create_index("ix_post_brand_id_id", "post", ["brand_id", "id"])
    op.create_index("ix_post_brand_id_unit_id", "post", ["brand_id", "unit_id"])
    op.create_index(
        "ix_post_next_at",
        "post",
        ["brand_id", "campaign_id", "next_at"],
        postgresql_where=sa.text("status in ('scheduled', 'dispatching', 'handed_off')"),
    )
    op.create_index(
        "uq_post_brand_id_draft_id",
        "post",
        ["brand_id", "draft_id"],
        unique=True,
        postgresql_where=sa.text("status <> 'withdrawn'"),
    )
    op.create_table(
        "post_metric",
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("is_correction", sa.Boolean(), nullable=False),
        sa.Column("views", sa.BigInteger(), nullable=True),
        sa.Column("likes", sa.BigInteger(), nullable=True),
        sa.Column("saves", sa.BigInteger(), nullable=True),
        sa.Column("comments", sa.BigInteger(), nullable=True),
        sa.Column("shares", sa.BigInteger(), nullable=True),
        sa.Column("follows", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("brand_id", "post_id", "measured_at", name=op.f("pk_post_metric")),
    )
    op.create_table(
        "staff_directory",
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("is_departed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "staff_id", name=op.f("pk_staff_directory")),
    )
    op.create_table(
        "template",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("tags", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("slots", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template")),
    )
    op.create_index("ix_template_brand_id_id", "template", ["brand_id", "id"])
    op.create_index("ix_template_tags", "template", ["tags"], postgresql_using="gin")
    op.create_table(
        "unit_directory",
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("ancestor_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("brand_id", "unit_id", name=op.f("pk_unit_directory")),
    )
    op.create_index(
        "ix_unit_directory_ancestor_ids", "unit_directory", ["ancestor_ids"], postgresql_using="gin"
    )
    op.create_index(
        "ix_unit_directory_brand_id_parent_id", "unit_directory", ["brand_id", "parent_id"]
    )
    isolate("content", *TABLES)
