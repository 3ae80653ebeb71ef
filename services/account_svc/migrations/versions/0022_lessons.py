"""Which lessons of a course somebody has worked through, and courses whose exam waits for them.

Revision ID: 0022
Revises: 0021
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table course add column lessons_first boolean not null default false")
    op.execute("alter table enrolment add column revision integer not null default 0")
    op.execute("alter table enrolment add column lessons_done smallint[] not null default '{}'")
