"""Contacts, leads, offers, deals, intake and webhooks, with the plumbing and who may do what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.migrations import create_plumbing, isolate

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_plumbing("lead")
    _create_directories()
    _create_intake()
    _create_contacts()
    _create_leads()
    _create_webhooks()
    isolate(
        "lead",
        "campaign_directory",
        "connection",
        "contact",
        "contact_identity",
        "contact_merge",
        "deal",
        "decision",
        "lead",
        "offer",
        "org_unit",
        "post_directory",
        "receipt",
        "routing_policy",
        "seller",
        "seller_account",
        "seller_right",
        "stage_change",
        "touchpoint",
        "webhook_delivery",
        "webhook_endpoint",
    )
    _grant_intake()


def _create_directories() -> None:
    op.create_table(
        "campaign_directory",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_directory")),
    )
    op.create_index(
        op.f("ix_campaign_directory_brand_id_code"),
        "campaign_directory",
        ["brand_id", "code"],
        unique=False,
    )
    op.create_table(
        "org_unit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "brand",
                "region",
                "dealer",
                "store",
                "team",
                name="unitkind",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("ancestor_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_org_unit")),
    )
    op.create_index(
        "ix_org_unit_ancestor_ids",
        "org_unit",
        ["ancestor_ids"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        op.f("ix_org_unit_brand_id_code"), "org_unit", ["brand_id", "code"], unique=False
    )
    op.create_table(
        "post_directory",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column(
            "platform",
            sa.Enum(
                "xiaohongshu",
                "douyin",
                "channels",
                "kuaishou",
                "wecom",
                "wechat",
                "official_account",
                "mini_program",
                "bilibili",
                "weibo",
                name="platform",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("platform_post_id", sa.Text(), nullable=False),
        sa.Column("url_key", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post_directory")),
    )
    op.create_index(
        op.f("ix_post_directory_brand_id_platform_post_id"),
        "post_directory",
        ["brand_id", "platform_post_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_post_directory_brand_id_url_key"),
        "post_directory",
        ["brand_id", "url_key"],
        unique=False,
    )
    op.create_table(
        "seller",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("is_seller", sa.Boolean(), nullable=False),
        sa.Column("open_lead_capacity", sa.Integer(), nullable=False),
        sa.Column("skills", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("product_lines", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("languages", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("is_departed", sa.Boolean(), nullable=False),
        sa.Column("absent_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("absent_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("open_load", sa.Integer(), nullable=False),
        sa.Column("last_offered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seller")),
    )
    op.create_index(
        op.f("ix_seller_brand_id_open_load_last_offered_at_id"),
        "seller",
        ["brand_id", "open_load", "last_offered_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_seller_brand_id_unit_id"), "seller", ["brand_id", "unit_id"], unique=False
    )
    op.create_table(
        "seller_account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column(
            "platform",
            sa.Enum(
                "xiaohongshu",
                "douyin",
                "channels",
                "kuaishou",
                "wecom",
                "wechat",
                "official_account",
                "mini_program",
                "bilibili",
                "weibo",
                name="platform",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("platform_id", sa.Text(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "planned",
                "pending",
                "active",
                "restricted",
                "suspended",
                "handed_over",
                "retired",
                name="accountstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seller_account")),
    )
    op.create_index(
        op.f("ix_seller_account_brand_id_platform_handle"),
        "seller_account",
        ["brand_id", "platform", "handle"],
        unique=False,
    )
    op.create_index(
        op.f("ix_seller_account_brand_id_platform_id"),
        "seller_account",
        ["brand_id", "platform_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_seller_account_brand_id_staff_id"),
        "seller_account",
        ["brand_id", "staff_id"],
        unique=False,
    )
    op.create_table(
        "seller_right",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("right", sa.Text(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("staff_id", "right", name=op.f("pk_seller_right")),
    )


def _create_intake() -> None:
    op.create_table(
        "connection",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("kek_version", sa.SmallInteger(), nullable=False),
        sa.Column(
            "status",
            sa.Enum("active", "disabled", name="connectionstatus", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection")),
    )
    op.create_index(
        op.f("ix_connection_brand_id_id"), "connection", ["brand_id", "id"], unique=True
    )
    op.create_table(
        "receipt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "accepted",
                "quarantined",
                "replayed",
                name="receiptstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
        sa.UniqueConstraint(
            "brand_id",
            "connection_id",
            "dedupe_key",
            name=op.f("uq_receipt_brand_id_connection_id_dedupe_key"),
        ),
    )
    op.create_index(
        op.f("ix_receipt_brand_id_status_id"), "receipt", ["brand_id", "status", "id"], unique=False
    )


def _create_contacts() -> None:
    op.create_table(
        "contact",
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("wechat", sa.LargeBinary(), nullable=True),
        sa.Column("email", sa.LargeBinary(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column(
            "stage",
            sa.Enum(
                "intent",
                "advice",
                "deal",
                "care",
                "repurchase",
                name="stage",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("owner_staff_id", sa.Uuid(), nullable=True),
        sa.Column("lead_count", sa.Integer(), nullable=False),
        sa.Column("merged_into_id", sa.Uuid(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("brand_id", "id", name=op.f("uq_contact_brand_id_id")),
    )
    op.create_index(
        op.f("ix_contact_brand_id_merged_into_id"),
        "contact",
        ["brand_id", "merged_into_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_contact_brand_id_owner_staff_id_id"),
        "contact",
        ["brand_id", "owner_staff_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_contact_brand_id_stage_id"), "contact", ["brand_id", "stage", "id"], unique=False
    )
    op.create_table(
        "contact_merge",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("merged_contact_id", sa.Uuid(), nullable=False),
        sa.Column("owner_staff_id", sa.Uuid(), nullable=True),
        sa.Column("merged_owner_staff_id", sa.Uuid(), nullable=True),
        sa.Column("identity_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("lead_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_merge")),
    )
    op.create_index(
        op.f("ix_contact_merge_brand_id_contact_id"),
        "contact_merge",
        ["brand_id", "contact_id"],
        unique=False,
    )
    op.create_table(
        "contact_identity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value_index", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id", "contact_id"],
            ["contact.brand_id", "contact.id"],
            name=op.f("fk_contact_identity_brand_id_contact_id_contact"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_identity")),
        sa.UniqueConstraint(
            "brand_id",
            "kind",
            "value_index",
            name=op.f("uq_contact_identity_brand_id_kind_value_index"),
        ),
    )
    op.create_index(
        op.f("ix_contact_identity_brand_id_contact_id"),
        "contact_identity",
        ["brand_id", "contact_id"],
        unique=False,
    )
    op.create_table(
        "stage_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column(
            "from_stage",
            sa.Enum(
                "intent",
                "advice",
                "deal",
                "care",
                "repurchase",
                name="stage",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "stage",
            sa.Enum(
                "intent",
                "advice",
                "deal",
                "care",
                "repurchase",
                name="stage",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_change")),
    )
    op.create_index(
        op.f("ix_stage_change_brand_id_contact_id"),
        "stage_change",
        ["brand_id", "contact_id"],
        unique=False,
    )
    op.create_table(
        "touchpoint",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("keyword", sa.Text(), nullable=True),
        sa.Column("channel_code", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id", "contact_id"],
            ["contact.brand_id", "contact.id"],
            name=op.f("fk_touchpoint_brand_id_contact_id_contact"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touchpoint")),
        sa.UniqueConstraint(
            "brand_id",
            "lead_id",
            "receipt_id",
            name=op.f("uq_touchpoint_brand_id_lead_id_receipt_id"),
        ),
    )
    op.create_index(
        op.f("ix_touchpoint_brand_id_contact_id_at"),
        "touchpoint",
        ["brand_id", "contact_id", "at"],
        unique=False,
    )


def _create_leads() -> None:
    op.create_table(
        "lead",
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_lead_id", sa.Text(), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "captured",
                "qualified",
                "offered",
                "accepted",
                "pooled",
                "voided",
                name="leadstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("product", sa.Text(), nullable=True),
        sa.Column("keyword", sa.Text(), nullable=True),
        sa.Column("channel_code", sa.Text(), nullable=True),
        sa.Column("score", sa.SmallInteger(), nullable=True),
        sa.Column("grade", sa.Text(), nullable=True),
        sa.Column(
            "score_reasons",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("post_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("origin_unit_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead")),
        sa.UniqueConstraint(
            "brand_id",
            "connection_id",
            "source_lead_id",
            name=op.f("uq_lead_brand_id_connection_id_source_lead_id"),
        ),
        sa.UniqueConstraint("brand_id", "id", name=op.f("uq_lead_brand_id_id")),
    )
    op.create_index(
        op.f("ix_lead_brand_id_campaign_id_id"),
        "lead",
        ["brand_id", "campaign_id", "id"],
        unique=False,
        postgresql_where=sa.text("campaign_id is not null"),
    )
    op.create_index(
        op.f("ix_lead_brand_id_contact_id_id"),
        "lead",
        ["brand_id", "contact_id", "id"],
        unique=False,
        postgresql_where=sa.text("contact_id is not null"),
    )
    op.create_index(
        op.f("ix_lead_brand_id_post_id_id"),
        "lead",
        ["brand_id", "post_id", "id"],
        unique=False,
        postgresql_where=sa.text("post_id is not null"),
    )
    op.create_index(
        op.f("ix_lead_brand_id_staff_id_id"),
        "lead",
        ["brand_id", "staff_id", "id"],
        unique=False,
        postgresql_where=sa.text("staff_id is not null"),
    )
    op.create_index(
        op.f("ix_lead_brand_id_status_id"), "lead", ["brand_id", "status", "id"], unique=False
    )
    op.create_index(
        op.f("ix_lead_brand_id_unit_id_id"),
        "lead",
        ["brand_id", "unit_id", "id"],
        unique=False,
        postgresql_where=sa.text("unit_id is not null"),
    )
    op.create_table(
        "routing_policy",
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "version", name=op.f("pk_routing_policy")),
    )
    op.create_table(
        "decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("candidates", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("uncounted", sa.Integer(), nullable=False),
        sa.Column("tie_break", sa.Text(), nullable=True),
        sa.Column("explanation", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id", "lead_id"],
            ["lead.brand_id", "lead.id"],
            name=op.f("fk_decision_brand_id_lead_id_lead"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
    )
    op.create_index(
        op.f("ix_decision_brand_id_lead_id_id"),
        "decision",
        ["brand_id", "lead_id", "id"],
        unique=False,
    )
    op.create_table(
        "offer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "open",
                "accepted",
                "declined",
                "expired",
                "withdrawn",
                name="offerstatus",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["brand_id", "lead_id"],
            ["lead.brand_id", "lead.id"],
            name=op.f("fk_offer_brand_id_lead_id_lead"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
        sa.UniqueConstraint(
            "brand_id", "lead_id", "staff_id", name=op.f("uq_offer_brand_id_lead_id_staff_id")
        ),
    )
    op.create_index(op.f("ix_offer_brand_id_id"), "offer", ["brand_id", "id"], unique=True)
    op.create_index(
        op.f("ix_offer_brand_id_staff_id_status_id"),
        "offer",
        ["brand_id", "staff_id", "status", "id"],
        unique=False,
    )
    op.create_index(
        "uq_offer_open_lead_id",
        "offer",
        ["lead_id"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "deal",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("post_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum("won", "voided", name="dealstatus", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id", "lead_id"],
            ["lead.brand_id", "lead.id"],
            name=op.f("fk_deal_brand_id_lead_id_lead"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deal")),
        sa.UniqueConstraint("brand_id", "id", name=op.f("uq_deal_brand_id_id")),
    )
    op.create_index(
        op.f("ix_deal_brand_id_campaign_id_id"),
        "deal",
        ["brand_id", "campaign_id", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_deal_brand_id_lead_id"), "deal", ["brand_id", "lead_id"], unique=False)


def _create_webhooks() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("event_types", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("includes_personal_data", sa.Boolean(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("previous_secret", sa.LargeBinary(), nullable=True),
        sa.Column("previous_secret_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "status",
            sa.Enum("active", "disabled", name="endpointstatus", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
    )
    op.create_index(
        op.f("ix_webhook_endpoint_brand_id_id"), "webhook_endpoint", ["brand_id", "id"], unique=True
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("aggregate_version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending", "delivered", "dead", name="deliverystatus", native_enum=False, length=40
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_status", sa.SmallInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint(
            "endpoint_id", "event_id", name=op.f("uq_webhook_delivery_endpoint_id_event_id")
        ),
    )
    op.create_index(
        op.f("ix_webhook_delivery_brand_id_endpoint_id_id"),
        "webhook_delivery",
        ["brand_id", "endpoint_id", "id"],
        unique=False,
    )
    op.create_index(
        "ix_webhook_delivery_head",
        "webhook_delivery",
        ["endpoint_id", "subject", "aggregate_version"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        op.f("ix_webhook_delivery_next_at"),
        "webhook_delivery",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )


def _grant_intake() -> None:
    """The batcher writes leads of any brand and reads no more than it needs to tell repeats.

    The columns it may select are those that `on conflict … returning` and the look-up of the
    first delivery name.
    """
    role = "kos_lead_intake"
    op.execute(f"grant select on connection to {role}")
    op.execute(f"create policy every_brand on connection for select to {role} using (true)")
    for table in ("receipt", "lead", "data_key", "outbox", "timer"):
        op.execute(f"grant insert on {table} to {role}")
        op.execute(f"create policy any_brand on {table} for insert to {role} with check (true)")
    for table, columns in {
        "receipt": "id, brand_id, connection_id, dedupe_key",
        "lead": "id, brand_id, connection_id, source_lead_id",
    }.items():
        op.execute(f"grant select ({columns}) on {table} to {role}")
        op.execute(f"create policy seen_by_intake on {table} for select to {role} using (true)")
