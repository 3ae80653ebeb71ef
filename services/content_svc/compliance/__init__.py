"""Compliance before release: normalised views, rules as data, one pure check."""

from content_svc.compliance.context import Context, Relation
from content_svc.compliance.engine import CheckResult, Excused, Finding, check
from content_svc.compliance.identity import (
    Label,
    carried_labels,
    missing_labels,
    required_labels,
    with_labels,
)
from content_svc.compliance.pack import Pack, PackError, Verdict, default_pack, load_pack

__all__ = [
    "CheckResult",
    "Context",
    "Excused",
    "Finding",
    "Label",
    "Pack",
    "PackError",
    "Relation",
    "Verdict",
    "carried_labels",
    "check",
    "default_pack",
    "load_pack",
    "missing_labels",
    "required_labels",
    "with_labels",
]
