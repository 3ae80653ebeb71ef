"""Courses, exams, certificates and the rights that need them.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

from shared.migrations import isolate

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = {
    "course": """
        brand_id uuid not null,
        id uuid not null,
        code text not null,
        name text not null,
        lessons jsonb not null,
        validity_days integer not null,
        attempts_allowed integer not null,
        wait_minutes integer not null,
        revision integer not null,
        created_at timestamptz not null,
        revised_at timestamptz not null,
        constraint uq_course_brand_id_code unique (brand_id, code)""",
    "exam": """
        brand_id uuid not null,
        id uuid not null,
        course_id uuid not null,
        revision integer not null,
        questions jsonb not null,
        pass_percent integer not null,
        constraint uq_exam_course_id_revision unique (course_id, revision)""",
    "enrolment": """
        brand_id uuid not null,
        staff_id uuid not null,
        course_id uuid not null,
        attempts_used integer not null,
        next_attempt_at timestamptz,
        constraint pk_enrolment primary key (brand_id, staff_id, course_id)""",
    "exam_attempt": """
        brand_id uuid not null,
        id uuid not null,
        staff_id uuid not null,
        course_id uuid not null,
        exam_id uuid not null,
        actor text not null,
        started_at timestamptz not null,
        graded_at timestamptz,
        answers jsonb,
        right_answers integer,
        score_percent integer,
        is_passed boolean""",
    "certificate": """
        brand_id uuid not null,
        id uuid not null,
        staff_id uuid not null,
        course_id uuid not null,
        attempt_id uuid not null,
        earned_at timestamptz not null,
        expires_at timestamptz not null,
        constraint uq_certificate_brand_id_attempt_id unique (brand_id, attempt_id)""",
    "right_requirement": """
        brand_id uuid not null,
        id uuid not null,
        "right" varchar(40) not null,
        version integer not null,
        course_ids uuid[] not null,
        valid_from timestamptz not null,
        told_to uuid,
        constraint uq_right_requirement_brand_id_right_version
            unique (brand_id, "right", version)""",
    "held_right": """
        brand_id uuid not null,
        staff_id uuid not null,
        "right" varchar(40) not null,
        expires_at timestamptz not null,
        constraint pk_held_right primary key (brand_id, staff_id, "right")""",
}

_INDEXES = (
    "ix_exam_attempt_staff_id on exam_attempt (staff_id, course_id, id)",
    "ix_exam_attempt_course_id on exam_attempt (course_id, id)",
    "ix_certificate_staff_id on certificate (staff_id, course_id)",
    "ix_certificate_course_id on certificate (course_id, staff_id)",
)

_KEYED = ("course", "exam", "exam_attempt", "certificate", "right_requirement")
"""Tables with the primary key (brand_id, id)."""

_REFERENCES = (
    ("exam", "course_id", "course"),
    ("enrolment", "staff_id", "staff"),
    ("enrolment", "course_id", "course"),
    ("exam_attempt", "staff_id", "staff"),
    ("exam_attempt", "course_id", "course"),
    ("exam_attempt", "exam_id", "exam"),
    ("certificate", "staff_id", "staff"),
    ("certificate", "course_id", "course"),
    ("certificate", "attempt_id", "exam_attempt"),
    ("held_right", "staff_id", "staff"),
)
"""Column of a table, and the table whose id it holds."""

_APPEND_ONLY = {"exam", "certificate"}


def upgrade() -> None:
    for table, columns in _TABLES.items():
        op.execute(f"create table {table} ({columns})")
    for index in _INDEXES:
        op.execute(f"create index {index}")
    for table in _KEYED:
        op.execute(f"alter table {table} add constraint pk_{table} primary key (brand_id, id)")
    for table, column, target in _REFERENCES:
        op.execute(
            f"alter table {table} add constraint fk_{table}_brand_id_{column}_{target} "
            f"foreign key (brand_id, {column}) references {target} (brand_id, id)"
        )
    isolate("account", *(_TABLES.keys() - _APPEND_ONLY), append_only=_APPEND_ONLY)
