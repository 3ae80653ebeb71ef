"""The checker knows nothing of the product."""

import ast
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
ALLOWED = {"asyncpg", "aiokafka"}


def test_checker_imports_the_standard_library_and_two_clients_only() -> None:
    modules = [each for each in FOLDER.glob("*.py") if not each.name.startswith("test_")]
    assert len(modules) > 10
    for module in modules:
        for name in imported(module):
            top = name.partition(".")[0]
            is_own = name == "tests.chaos.checker" or name.startswith("tests.chaos.checker.")
            assert is_own or top in sys.stdlib_module_names or top in ALLOWED, (module.name, name)


def imported(module: Path) -> set[str]:
    """Every module that the file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            # `from tests.chaos import run` would import the harness, which imports the product
            found |= {f"{node.module}.{each.name}" for each in node.names}
    return found


def test_nothing_is_imported_by_name_at_run_time() -> None:
    for module in FOLDER.glob("*.py"):
        if not module.name.startswith("test_"):
            assert "importlib" not in module.read_text()
            assert "__import__" not in module.read_text()
