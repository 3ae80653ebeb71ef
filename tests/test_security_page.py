"""The threat table names tests that exist."""

import ast
import re

from deploy.local.settings import REPOSITORY

PAGE = REPOSITORY / "docs" / "security.md"
_NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_every_threat_has_a_test_and_every_named_test_exists() -> None:
    section = PAGE.read_text().partition("## Threats")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    named = [_NAMED.findall(row.rpartition(" | ")[2]) for row in rows]

    assert len(rows) > 15
    assert all(named)
    assert [
        f"{path}::{name}"
        for tests in named
        for path, name in tests
        if not (REPOSITORY / path).exists() or (name and name not in functions_of(path))
    ] == []


def functions_of(path: str) -> set[str]:
    tree = ast.parse((REPOSITORY / path).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
