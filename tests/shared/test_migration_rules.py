"""Migrations only add, so that the version before runs beside the new one: expand, then contract.

A revision that takes something away says so in `CONTRACT`, the reason why no running version needs
it any more (docs/operations.md, "Rolling out").
"""

import ast
import asyncio
import re
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from deploy.local.databases import ServiceUrls
from shared import migrations

ROOT = Path(__file__).parents[2]
# before a first revision nothing ran
REVISIONS = [
    path
    for path in sorted(ROOT.glob("services/*/migrations/versions/*.py"))
    if "down_revision = None" not in path.read_text()
]
TAKING_AWAY = re.compile(
    r"\bdrop\s+(table|column|constraint|index|view|type|schema|policy)\b"
    r"|\brename\s+(to|column)\b|\balter\s+column\s+\w+\s+(type|set\s+data\s+type|set\s+not\s+null)\b"
    r"|\btruncate\b|\brevoke\b|\bdelete\s+from\b",
    re.IGNORECASE,
)
# of alembic.op
TAKES_AWAY = {"drop_table", "drop_column", "drop_constraint", "drop_index", "rename_table"}
CHANGES = {"type_", "new_column_name"}


def list_taken(source: str) -> list[str]:
    """What a revision's `upgrade` takes away or changes, unless it is marked as a contraction."""
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "CONTRACT":
            reason = node.value
            assert isinstance(reason, ast.Constant), "CONTRACT is a text"
            assert len(str(reason.value)) > 20, "CONTRACT says why nothing needs it any more"
            return []
    (upgrade,) = (
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"
    )
    found = []
    for inner in ast.walk(upgrade):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            found += [match[0] for match in TAKING_AWAY.finditer(inner.value)]
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
            name, keywords = inner.func.attr, {keyword.arg for keyword in inner.keywords}
            not_null = any(
                keyword.arg == "nullable" and getattr(keyword.value, "value", None) is False
                for keyword in inner.keywords
            )
            if name in TAKES_AWAY or (name == "alter_column" and (keywords & CHANGES or not_null)):
                found.append(name)
    return found


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda path: f"{path.parts[-4]}-{path.stem}")
def test_a_revision_only_adds_unless_it_is_marked(revision: Path) -> None:
    assert list_taken(revision.read_text()) == []


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ('op.execute("alter table lead drop column note")', ["drop column"]),
        ('op.execute("alter table lead rename column a to b")', ["rename column"]),
        (
            'op.execute("alter table lead alter column a set not null")',
            ["alter column a set not null"],
        ),
        ('op.drop_table("lead")', ["drop_table"]),
        ('op.alter_column("lead", "a", nullable=False)', ["alter_column"]),
        ('op.alter_column("lead", "a", server_default="1")', []),
        ('op.add_column("lead", sa.Column("a", sa.Text()))', []),
    ],
)
def test_the_rule_sees_what_takes_away(body: str, taken: list[str]) -> None:
    source = f"def upgrade() -> None:\n    {body}\n"

    assert list_taken(source) == taken
    assert list_taken(f'CONTRACT = "unused since 1.4, the last to read it"\n{source}') == []


async def test_a_migration_that_would_wait_for_a_lock_gives_up_in_seconds(
    account_database: ServiceUrls,
) -> None:
    """Behind a waiting DDL statement every query of the table would wait too."""
    holder = await asyncpg.connect(account_database.owner)
    try:
        async with asyncio.timeout(60), holder.transaction():
            await holder.execute("lock table alembic_version in access exclusive mode")
            with pytest.raises(DBAPIError, match="lock timeout"):
                await asyncio.to_thread(migrations.upgrade, "account", account_database.owner)
    finally:
        await holder.close()
