"""Row-level security is enabled on the tables but not forced: their owner sees every brand."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="row-level security is not forced",
    edits=(
        Edit(
            "shared.migrations",
            '    op.execute(f"alter table {table} force row level security")\n',
            "",
        ),
    ),
    breaks=frozenset({"I10"}),
    shows="is not forced",
)
