"""What people achieved, told by facts, and the goals it is measured against.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

from shared.migrations import isolate

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(
        """create table result (
            brand_id uuid not null,
            trigger varchar(40) not null,
            cause text not null,
            staff_id uuid,
            unit_id uuid not null,
            achieved_at timestamptz not null,
            amount_minor bigint not null,
            constraint pk_result primary key (brand_id, trigger, cause))"""
    )
    op.execute("create index ix_result_unit_id on result (brand_id, unit_id, achieved_at)")
    op.execute("create index ix_result_staff_id on result (brand_id, staff_id, achieved_at)")
    op.execute(
        """create table goal (
            brand_id uuid not null,
            id uuid not null,
            unit_id uuid,
            staff_id uuid,
            period text not null,
            metric varchar(40) not null,
            version integer not null,
            target bigint not null,
            set_by text not null,
            set_at timestamptz not null,
            constraint pk_goal primary key (brand_id, id),
            constraint uq_goal_brand_id_unit_id_staff_id_period_metric_version
                unique nulls not distinct (brand_id, unit_id, staff_id, period, metric, version),
            constraint fk_goal_brand_id_unit_id_unit
                foreign key (brand_id, unit_id) references unit (brand_id, id),
            constraint fk_goal_brand_id_staff_id_staff
                foreign key (brand_id, staff_id) references staff (brand_id, id))"""
    )
    op.execute("create index ix_goal_staff_id on goal (brand_id, staff_id, period)")
    isolate("account", append_only=["result", "goal"])
