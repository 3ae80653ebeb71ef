"""The month that a body or a read is about."""

from typing import Annotated

from fastapi import Query
from pydantic import StringConstraints

Month = Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
"""As `2026-11`, by the calendar of the stores."""
Period = Annotated[Month | None, Query()]
"""This month if left out."""
