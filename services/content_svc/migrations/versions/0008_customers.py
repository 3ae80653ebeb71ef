"""Customers of members who leave, and the moves that the platform took.

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
    "customer_book": """
        brand_id uuid not null,
        id uuid not null,
        handover_id uuid not null,
        account_id uuid not null,
        listed_at timestamptz,
        version bigint not null,
        constraint pk_customer_book primary key (brand_id, id),
        constraint uq_customer_book_brand_id_handover_id_account_id
            unique (brand_id, handover_id, account_id)""",
    "moving_customer": """
        brand_id uuid not null,
        id uuid not null,
        book_id uuid not null,
        sealed bytea not null,
        customer_index bytea not null,
        status varchar(40) not null,
        call_id uuid,
        taker_account_id uuid,
        asked_at timestamptz,
        look_at timestamptz,
        constraint pk_moving_customer primary key (brand_id, id),
        constraint fk_moving_customer_brand_id_book_id_customer_book
            foreign key (brand_id, book_id) references customer_book (brand_id, id)""",
    "customer_move": """
        brand_id uuid not null,
        id uuid not null,
        customer_index bytea not null,
        accepted_at timestamptz not null,
        constraint pk_customer_move primary key (brand_id, id)""",
}


def upgrade() -> None:
    for table, columns in _TABLES.items():
        op.execute(f"create table {table} ({columns})")
    op.execute(
        "create index ix_moving_customer_book_id on moving_customer (book_id, status, call_id)"
    )
    op.execute(
        "create index ix_customer_move_customer_index "
        "on customer_move (brand_id, customer_index, accepted_at)"
    )
    isolate("content", "customer_book", "moving_customer", append_only=["customer_move"])
