"""What the runs of these tests counted, printed at the end of the long form."""

import os

IS_LONG = os.environ.get("KOS_LONG_FORM") == "1"
"""Everything instead of a sample; `make isolation` and `make hostile` set it."""

lines: list[str] = []


def note(text: str) -> None:
    lines.append(text)
