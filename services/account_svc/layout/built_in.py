"""The layouts that every brand has, as `layouts.toml` has them."""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from account_svc.models.layout import LayoutFacts

FILE = Path(__file__).parent / "layouts.toml"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    layout: list[LayoutFacts]


@cache
def built_in_layouts() -> dict[str, LayoutFacts]:
    """By name."""
    file = _File.model_validate(tomllib.loads(FILE.read_text(encoding="utf-8")))
    return {layout.name: layout for layout in file.layout}
