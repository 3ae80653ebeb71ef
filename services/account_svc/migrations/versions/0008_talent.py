"""Skills of people, and what personas want.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

from shared.migrations import isolate

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLES = {
    "skill_assessment": """
        brand_id uuid not null,
        id uuid not null,
        staff_id uuid not null,
        skill varchar(40) not null,
        score integer not null,
        assessed_by text not null,
        assessed_at timestamptz not null""",
    "skill_score": """
        brand_id uuid not null,
        staff_id uuid not null,
        skill varchar(40) not null,
        score integer not null,
        assessed_at timestamptz not null,
        constraint pk_skill_score primary key (brand_id, staff_id, skill)""",
    "wanted_profile": """
        brand_id uuid not null,
        id uuid not null,
        persona_kind varchar(40),
        persona_id uuid,
        scores jsonb not null,
        set_by text not null,
        set_at timestamptz not null,
        constraint uq_wanted_profile_brand_id_persona_kind_persona_id
            unique nulls not distinct (brand_id, persona_kind, persona_id)""",
}


def upgrade() -> None:
    for table, columns in _TABLES.items():
        op.execute(f"create table {table} ({columns})")
    op.execute("create index ix_skill_assessment_staff_id on skill_assessment (staff_id, id)")
    for table in ("skill_assessment", "wanted_profile"):
        op.execute(f"alter table {table} add constraint pk_{table} primary key (brand_id, id)")
    for table, column, target in (
        ("skill_assessment", "staff_id", "staff"),
        ("skill_score", "staff_id", "staff"),
        ("wanted_profile", "persona_id", "persona"),
    ):
        op.execute(
            f"alter table {table} add constraint fk_{table}_brand_id_{column}_{target} "
            f"foreign key (brand_id, {column}) references {target} (brand_id, id)"
        )
    isolate("account", *(_TABLES.keys() - {"skill_assessment"}), append_only=["skill_assessment"])
