"""Leads that wait for a reply, and when an account's seller last gave one.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

from shared.migrations import isolate

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table account_signal alter column last_post_at drop not null")
    op.execute("alter table account_signal add column last_reply_at timestamptz")
    op.execute(
        """create table waiting_lead (
        brand_id uuid not null,
        id uuid not null,
        account_id uuid not null,
        came_at timestamptz not null,
        constraint pk_waiting_lead primary key (brand_id, id))"""
    )
    op.execute("create index ix_waiting_lead_account_id on waiting_lead (account_id)")
    isolate("account", "waiting_lead")
