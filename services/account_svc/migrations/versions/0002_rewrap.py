"""The owner may wrap data keys anew.

Revision ID: 0002
Revises: 0001
"""

from shared.migrations import let_owner_rewrap

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    let_owner_rewrap("account")
