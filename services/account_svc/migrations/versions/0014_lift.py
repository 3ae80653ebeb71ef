"""Tiers of people by month, and the tasks that lift the middle and the tail.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

from shared.migrations import isolate

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLES = {
    "tiering": """
        brand_id uuid not null,
        period text not null,
        rules jsonb not null,
        people integer not null,
        placed_by text not null,
        placed_at timestamptz not null,
        constraint pk_tiering primary key (brand_id, period)""",
    "placement": """
        brand_id uuid not null,
        period text not null,
        staff_id uuid not null,
        unit_id uuid not null,
        league text,
        result bigint not null,
        skill double precision,
        score double precision not null,
        tier varchar(40),
        constraint pk_placement primary key (brand_id, period, staff_id),
        constraint fk_placement_brand_id_period_tiering
            foreign key (brand_id, period) references tiering (brand_id, period),
        constraint fk_placement_brand_id_staff_id_staff
            foreign key (brand_id, staff_id) references staff (brand_id, id)""",
    "skill_course": """
        brand_id uuid not null,
        skill varchar(40) not null,
        course_id uuid not null,
        set_by text not null,
        set_at timestamptz not null,
        constraint pk_skill_course primary key (brand_id, skill),
        constraint fk_skill_course_brand_id_course_id_course
            foreign key (brand_id, course_id) references course (brand_id, id)""",
    "lift_task": """
        brand_id uuid not null,
        id uuid not null,
        staff_id uuid not null,
        period text not null,
        tier varchar(40) not null,
        skill varchar(40) not null,
        gap integer not null,
        course_id uuid not null,
        status varchar(40) not null,
        due_at timestamptz not null,
        assigned_by text not null,
        assigned_at timestamptz not null,
        done_at timestamptz,
        retests integer not null,
        attempt_id uuid,
        closed_at timestamptz,
        constraint pk_lift_task primary key (brand_id, id),
        constraint fk_lift_task_brand_id_staff_id_staff
            foreign key (brand_id, staff_id) references staff (brand_id, id),
        constraint fk_lift_task_brand_id_course_id_course
            foreign key (brand_id, course_id) references course (brand_id, id),
        constraint fk_lift_task_brand_id_attempt_id_exam_attempt
            foreign key (brand_id, attempt_id) references exam_attempt (brand_id, id)""",
}


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for table, columns in _TABLES.items():
        op.execute(f"create table {table} ({columns})")
    op.execute("create index ix_placement_staff_id on placement (brand_id, staff_id, period)")
    op.execute("create index ix_placement_unit_id on placement (brand_id, unit_id, period)")
    op.execute(
        "create unique index uq_lift_task_open on lift_task (brand_id, staff_id, skill) "
        "where closed_at is null"
    )
    op.execute("create index ix_lift_task_staff_id on lift_task (staff_id, id)")
    isolate("account", *_TABLES)
