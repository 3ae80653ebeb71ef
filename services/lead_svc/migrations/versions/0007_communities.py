"""Communities and what is done in them.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

from shared.migrations import isolate

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """create table community (
        brand_id uuid not null,
        id uuid not null,
        unit_id uuid not null,
        name text not null,
        platform varchar(40) not null,
        platform_group_id text not null,
        account_id uuid,
        host_staff_id uuid not null,
        deputy_staff_id uuid,
        status varchar(40) not null,
        registered_at timestamptz not null,
        closed_at timestamptz,
        version bigint not null,
        constraint pk_community primary key (brand_id, id),
        constraint uq_community_brand_id_platform_platform_group_id
            unique (brand_id, platform, platform_group_id))"""
    )
    for column in ("unit_id", "host_staff_id", "deputy_staff_id"):
        op.create_index(
            f"ix_community_brand_id_{column}_id", "community", ["brand_id", column, "id"]
        )
    op.execute(
        """create table community_activity (
        brand_id uuid not null,
        id uuid not null,
        community_id uuid not null,
        kind varchar(40) not null,
        staff_id uuid not null,
        unit_id uuid not null,
        done_as varchar(40) not null,
        external_id text,
        at timestamptz not null,
        recorded_by_staff_id uuid,
        recorded_at timestamptz not null,
        status varchar(40) not null,
        void_reason text,
        constraint pk_community_activity primary key (brand_id, id),
        constraint uq_community_activity_brand_id_community_id_external_id
            unique (brand_id, community_id, external_id),
        constraint fk_community_activity_brand_id_community_id_community
            foreign key (brand_id, community_id) references community (brand_id, id))"""
    )
    for column in ("community_id", "staff_id"):
        op.create_index(
            f"ix_community_activity_brand_id_{column}_id",
            "community_activity",
            ["brand_id", column, "id"],
        )
    isolate("lead", "community", "community_activity")
