"""The brand is set for the connection, so that it is still there when the pool lends it again."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="the brand outlives its transaction",
    edits=(
        Edit(
            "shared.database",
            "select set_config('app.brand', :brand, true)",
            "select set_config('app.brand', :brand, false)",
        ),
        Edit(
            "shared.database",
            "begin read only; set local app.brand = '{UUID(int=brand_id.int)}'",
            "begin read only; set app.brand = '{UUID(int=brand_id.int)}'",
        ),
    ),
    breaks=frozenset({"I10"}),
    shows="began to take in",
)
