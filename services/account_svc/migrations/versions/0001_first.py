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
        constraint pk_unit primary key (brand_id, id),
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
        constraint pk_staff primary key (brand_id, id),
        constraint uq_staff_brand_id_code unique (brand_id, code),
        constraint fk_staff_brand_id_unit foreign key (brand_id, unit_id)
            references unit (brand_id, id)""",
    "persona": """
        brand_id uuid not null,
        id uuid not null,
        kind varchar(40) not null,
        name text not null,
        bio text not null,
        tone text not null,
        taboo_words text[] not null,
        interests text[] not null,
        created_at timestamptz not null,
        constraint pk_persona primary key (brand_id, id)""",
    "account": """
        brand_id uuid not null,
        id uuid not null,
        platform varchar(40) not null,
        handle text not null,
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
        constraint pk_account primary key (brand_id, id),
        constraint uq_account_brand_id_platform_handle unique (brand_id, platform, handle),
        constraint fk_account_brand_id_unit foreign key (brand_id, unit_id)
            references unit (brand_id, id),
        constraint fk_account_brand_id_staff foreign key (brand_id, staff_id)
            references staff (brand_id, id),
        constraint fk_account_brand_id_persona foreign key (brand_id, persona_id)
            references persona (brand_id, id)""",
    "account_change": """
        brand_id uuid not null,
        id uuid not null,
        account_id uuid not null,
        from_status varchar(40),
        to_status varchar(40) not null,
        staff_id uuid,
        reason text,
        actor text not null,
        at timestamptz not null,
        constraint pk_account_change primary key (brand_id, id),
        constraint fk_account_change_brand_id_account foreign key (brand_id, account_id)
            references account (brand_id, id)""",
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
        finished_at timestamptz,
        constraint pk_import_run primary key (brand_id, id)""",
    "import_problem": """
        brand_id uuid not null,
        import_id uuid not null,
        id bigint generated always as identity not null,
        line integer not null,
        field text not null,
        reason text not null,
        constraint pk_import_problem primary key (brand_id, import_id, id),
        constraint fk_import_problem_brand_id_run foreign key (brand_id, import_id)
            references import_run (brand_id, id)""",
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
        constraint pk_incentive_rule primary key (brand_id, id),
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
        constraint pk_ledger_entry primary key (brand_id, id),
        constraint uq_ledger_entry_brand_id_reverses_id unique (brand_id, reverses_id),
        constraint fk_ledger_entry_brand_id_rule foreign key (brand_id, rule_id)
            references incentive_rule (brand_id, id),
        constraint fk_ledger_entry_brand_id_reverses foreign key (brand_id, reverses_id)
            references ledger_entry (brand_id, id)""",
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
        last_used_at timestamptz,
        constraint pk_api_key primary key (brand_id, id)""",
}

_INDEXES = (
    "index ix_unit_brand_id_path on unit (brand_id, path)",
    "index ix_unit_brand_id_parent_id on unit (brand_id, parent_id)",
    "index ix_staff_brand_id_unit_id on staff (brand_id, unit_id)",
    "index ix_staff_brand_id_phone_index on staff (brand_id, phone_index)",
    "index ix_account_brand_id_unit_id on account (brand_id, unit_id)",
    "index ix_account_brand_id_staff_id on account (brand_id, staff_id)",
    "index ix_account_change_brand_id_account_id on account_change (brand_id, account_id, id)",
    "unique index uq_ledger_entry_cause on ledger_entry (brand_id, trigger, cause) "
    "where reverses_id is null",
    "index ix_ledger_entry_brand_id_staff_id on ledger_entry (brand_id, staff_id, id)",
    "index ix_ledger_entry_brand_id_unit_id on ledger_entry (brand_id, unit_id, id)",
)

_APPEND_ONLY = ("account_change", "ledger_entry", "voided_cause")


def upgrade() -> None:
    create_plumbing("account")
    for table, columns in _TABLES.items():
        op.execute(f"create table {table} ({columns})")
    for index in _INDEXES:
        op.execute(f"create {index}")
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
