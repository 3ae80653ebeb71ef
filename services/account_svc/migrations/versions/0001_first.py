"""Brands, the tree, staff, accounts, personas, imports, incentives, API keys."""

from alembic import op

from shared.migrations import create_plumbing, isolate

revision = "0001"
down_revision = None

_TABLES = {
    "brand": """
        brand_id uuid constraint pk_brand primary key,
        name text not null,
        industry text not null,
        created_at timestamptz not null""",
    "unit": """
        brand_id uuid not null,
        id uuid not null,
        parent_id uuid,
        path bytea not null,
        kind varchar(40) not null,
        code text not null,
        name text not null,
        city_code text,
        city text,
        latitude double precision,
        longitude double precision,
        opens_at text,
        closes_at text,
        version bigint not null,
        constraint uq_unit_brand_id_code unique (brand_id, code)""",
    "staff": """
        brand_id uuid not null,
        id uuid not null,
        unit_id uuid not null,
        code text not null,
        name_sealed bytea not null,
        phone_sealed bytea,
        phone_index bytea,
        is_seller boolean not null,
        open_lead_capacity integer not null,
        skills text[] not null,
        product_lines text[] not null,
        languages text[] not null,
        tier text not null,
        absent_from timestamptz,
        absent_until timestamptz,
        absence_reason_sealed bytea,
        joined_at timestamptz not null,
        departed_at timestamptz,
        departure_reason_sealed bytea,
        version bigint not null,
        constraint uq_staff_brand_id_code unique (brand_id, code)""",
    "persona": """
        brand_id uuid not null,
        id uuid not null,
        kind varchar(40) not null,
        name text not null,
        bio text not null,
        tone text not null,
        taboo_words text[] not null,
        interests text[] not null,
        created_at timestamptz not null""",
    "account": """
        brand_id uuid not null,
        id uuid not null,
        platform varchar(40) not null,
        handle text not null,
        platform_id text,
        display_name text not null,
        domain varchar(40) not null,
        seat varchar(40) not null,
        unit_id uuid not null,
        staff_id uuid,
        persona_id uuid,
        status varchar(40) not null,
        status_reason text,
        status_changed_at timestamptz not null,
        version bigint not null,
        constraint uq_account_brand_id_platform_handle unique (brand_id, platform, handle)""",
    "account_change": """
        brand_id uuid not null,
        id uuid not null,
        account_id uuid not null,
        from_status varchar(40),
        to_status varchar(40) not null,
        staff_id uuid,
        reason text,
        actor text not null,
        at timestamptz not null""",
    "import_run": """
        brand_id uuid not null,
        id uuid not null,
        kind varchar(40) not null,
        status varchar(40) not null,
        rows_read integer not null,
        rows_added integer not null,
        rows_changed integer not null,
        rows_unchanged integer not null,
        rows_refused integer not null,
        started_at timestamptz not null,
        progress_at timestamptz not null,
        finished_at timestamptz""",
    "import_problem": """
        brand_id uuid not null,
        import_id uuid not null,
        id bigint generated always as identity not null,
        line integer not null,
        field text not null,
        reason text not null,
        constraint pk_import_problem primary key (brand_id, import_id, id)""",
    "incentive_rule": """
        brand_id uuid not null,
        id uuid not null,
        trigger varchar(40) not null,
        version integer not null,
        amount bigint not null,
        rate_bp integer not null,
        currency text not null,
        valid_from timestamptz not null,
        is_active boolean not null,
        created_at timestamptz not null,
        constraint uq_incentive_rule_brand_id_trigger_version
            unique (brand_id, trigger, version)""",
    "ledger_entry": """
        brand_id uuid not null,
        id uuid not null,
        staff_id uuid not null,
        unit_id uuid not null,
        store_id uuid,
        rule_id uuid not null,
        rule_version integer not null,
        trigger varchar(40) not null,
        cause text not null,
        amount bigint not null,
        currency text not null,
        earned_at timestamptz not null,
        reverses_id uuid,
        version bigint not null,
        constraint uq_ledger_entry_brand_id_reverses_id unique (brand_id, reverses_id)""",
    "voided_cause": """
        brand_id uuid not null,
        trigger varchar(40) not null,
        cause text not null,
        voided_at timestamptz not null,
        constraint pk_voided_cause primary key (brand_id, trigger, cause)""",
    "standing_change": """
        id bigint generated always as identity constraint pk_standing_change primary key,
        brand_id uuid not null,
        period text not null,
        store_id uuid not null,
        points bigint not null,
        accepted_leads integer not null,
        deals integer not null""",
    "standing": """
        brand_id uuid not null,
        period text not null,
        store_id uuid not null,
        points bigint not null,
        accepted_leads integer not null,
        deals integer not null,
        constraint pk_standing primary key (brand_id, period, store_id)""",
    "api_key": """
        brand_id uuid not null,
        id uuid not null,
        name text not null,
        role varchar(40) not null,
        scopes text[] not null,
        prefix text not null constraint uq_api_key_prefix unique,
        secret_hash bytea not null,
        created_by text not null,
        created_at timestamptz not null,
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz""",
}

_INDEXES = (
    "index ix_unit_brand_id_path on unit (brand_id, path)",
    "index ix_unit_parent_id on unit (parent_id)",
    "index ix_staff_unit_id on staff (unit_id)",
    "index ix_staff_phone_index on staff (phone_index)",
    "index ix_account_unit_id on account (unit_id)",
    "index ix_account_staff_id on account (staff_id)",
    "index ix_account_change_account_id on account_change (account_id, id)",
    "unique index uq_ledger_entry_cause on ledger_entry (brand_id, trigger, cause) "
    "where reverses_id is null",
    "index ix_ledger_entry_staff_id on ledger_entry (staff_id, id)",
    "index ix_ledger_entry_unit_id on ledger_entry (unit_id, id)",
)

_KEYED = (
    "unit",
    "staff",
    "persona",
    "account",
    "account_change",
    "import_run",
    "incentive_rule",
    "ledger_entry",
    "api_key",
)
"""Tables with the primary key (brand_id, id)."""

_REFERENCES = (
    ("staff", "unit_id", "unit"),
    ("account", "unit_id", "unit"),
    ("account", "staff_id", "staff"),
    ("account", "persona_id", "persona"),
    ("account_change", "account_id", "account"),
    ("import_problem", "import_id", "import_run"),
    ("ledger_entry", "rule_id", "incentive_rule"),
    ("ledger_entry", "reverses_id", "ledger_entry"),
)
"""Column of a table, and the table whose id it holds."""

_APPEND_ONLY = ("account_change", "ledger_entry", "voided_cause")


def upgrade() -> None:
    create_plumbing("account")
    for table, columns in _TABLES.items():
        op.execute(f"create table {table} ({columns})")
    for index in _INDEXES:
        op.execute(f"create {index}")
    # A reference is checked by a plan that is made once, often while its table is still small and
    # every index that begins with brand_id looks equally cheap: the smallest wins, then the newest.
    # With any other than the primary key, each row of a first big import reads all rows before it.
    # So other indexes begin with an id of their own where they can, and primary keys come last.
    for table in _KEYED:
        op.execute(f"alter table {table} add constraint pk_{table} primary key (brand_id, id)")
    for table, column, target in _REFERENCES:
        op.execute(
            f"alter table {table} add constraint fk_{table}_brand_id_{column}_{target} "
            f"foreign key (brand_id, {column}) references {target} (brand_id, id)"
        )
    isolate("account", *_TABLES)
    for table in _APPEND_ONLY:
        op.execute(f"revoke update, delete on {table} from kos_account_app, kos_account_worker")
    # The fold of the race serves every brand.
    op.execute(
        "create policy every_brand on standing_change for select to kos_account_worker using (true)"
    )
    # A key names its brand, so it is found before the brand is known: the one row whose prefix the
    # transaction has named.
    op.execute(
        "create policy named_prefix on api_key for select to kos_account_app "
        "using (prefix = (select nullif(current_setting('app.api_key_prefix', true), '')))"
    )
