"""Rewrite the source of product modules while they are imported; the files stay as they are.

An edit names the exact text that it replaces. A text that is not there, or there more than once,
is an error before anything runs: the product has changed and the edit has to follow.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

PRODUCT = ("services", ".")
"""Where the product's modules lie, from the top of the repository."""

_TOP = Path(__file__).parents[3]


class DoesNotFit(Exception):
    """The product's text is not what the edit expects."""


@dataclass(frozen=True)
class Edit:
    """One text of one module and what stands there instead."""

    module: str
    before: str
    after: str

    def apply(self, source: str) -> str:
        found = source.count(self.before)
        if found != 1:
            raise DoesNotFit(f"{self.module} has {found} times, not once:\n{self.before}")
        return source.replace(self.before, self.after)


def rewrite(source: str, edits: Iterable[Edit]) -> str:
    for edit in edits:
        source = edit.apply(source)
    return source


def source_of(module: str) -> Path:
    """The file of a product module, which is not imported for that."""
    path = Path(*module.split("."))
    for root in PRODUCT:
        for file in (_TOP / root / path.with_suffix(".py"), _TOP / root / path / "__init__.py"):
            if file.exists():
                return file
    raise DoesNotFit(f"there is no module {module}")


def check(edits: Sequence[Edit]) -> None:
    """Raise DoesNotFit unless every edit fits and what it makes is Python."""
    for module in {edit.module for edit in edits}:
        file = source_of(module)
        changed = rewrite(file.read_text(), [edit for edit in edits if edit.module == module])
        try:
            compile(changed, str(file), "exec")
        except SyntaxError as error:
            raise DoesNotFit(f"{module} is no Python after the edit: {error}") from error


def install(edits: Sequence[Edit]) -> None:
    """Make every later import of the modules load the edited text.

    Raises DoesNotFit, also for a module that is imported already and so would stay as it is.
    """
    check(edits)
    early = sorted({edit.module for edit in edits} & sys.modules.keys())
    if early:
        raise DoesNotFit(f"imported before the edits: {', '.join(early)}")
    if edits:
        sys.meta_path.insert(0, _Finder(edits))


class _Finder(MetaPathFinder):
    def __init__(self, edits: Sequence[Edit]) -> None:
        self._edits = edits

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        edits = [edit for edit in self._edits if edit.module == fullname]
        if not edits:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            raise DoesNotFit(f"{fullname} cannot be found")
        spec.loader = _Loader(fullname, spec.origin, edits)
        return spec


class _Loader(SourceFileLoader):
    """Compiles the edited text; never takes or leaves a cached compilation."""

    def __init__(self, fullname: str, path: str, edits: Sequence[Edit]) -> None:
        super().__init__(fullname, path)
        self._edits = edits

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        source = rewrite(self.get_data(path).decode(), self._edits)
        return compile(source, path, "exec", dont_inherit=True)
