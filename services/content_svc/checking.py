"""A text measured against the rule pack: what a draft keeps of the result."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from content_svc.compliance import CheckResult, Context, Finding, check, default_pack
from content_svc.compliance import Verdict as PackVerdict
from shared.clock import now
from shared.events.content import Verdict

DEFAULT_INDUSTRY = "general"
_RULES_CLOCK = ZoneInfo("Asia/Shanghai")
"""Rules begin and end at midnight where the law applies."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the rules need to know of the brand."""

    industry: str = DEFAULT_INDUSTRY
    never_words: Mapping[str, Literal["review", "block"]] = field(default_factory=dict)
    competitor_words: Sequence[str] = ()
    evidence: Sequence[str] = ()
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    verdict: Verdict
    findings: list[dict[str, Any]]
    pack_version: str

    @property
    def rules(self) -> list[str]:
        return sorted({finding["rule_id"] for finding in self.findings})


def check_text(policy: Policy, platform: str, title: str, text: str) -> Checked:
    """Check title and text together; spans count code points inside `field` of each finding."""
    offset = len(title) + 1 if title else 0
    result = _check(policy, platform, f"{title}\n{text}" if title else text)
    return Checked(
        verdict=Verdict(result.verdict.value),
        findings=[row for finding in result.findings for row in _rows(finding, title, offset)],
        pack_version=result.pack_version,
    )


def prepare() -> None:
    """Load what the first check needs, seconds of pack and dictionaries, outside a transaction."""
    check_text(Policy(), "douyin", "", "看车")


def unfilled(rule_id: str, message: str, pack_version: str) -> Checked:
    """The result for a draft that could not be written, because a value is missing."""
    return Checked(
        Verdict.BLOCK,
        [
            {
                "rule_id": rule_id,
                "severity": "block",
                "field": "text",
                "start": 0,
                "end": 0,
                "matched": "",
                "evasive": False,
                "basis": "",
                "suggestion": message,
            }
        ],
        pack_version,
    )


def pack_version() -> str:
    return default_pack().version


def _check(policy: Policy, platform: str, text: str) -> CheckResult:
    context = Context(
        industry=policy.industry,
        platform=platform,
        today=now().astimezone(_RULES_CLOCK).date(),
        evidence=frozenset(policy.evidence),
        brand_never_words={
            word: PackVerdict.BLOCK if severity == "block" else PackVerdict.REVIEW
            for word, severity in policy.never_words.items()
        },
        competitor_words=tuple(policy.competitor_words),
    )
    return check(default_pack(), text, context)


def _rows(finding: Finding, title: str, offset: int) -> Iterator[dict[str, Any]]:
    """One row, or one for each of title and text when the finding spans both."""
    parts = [("title", 0, len(title))] if title else []
    parts.append(("text", offset, max(finding.end, offset)))
    for name, first, stop in parts:
        start, end = max(finding.start, first), min(finding.end, stop)
        is_whole_text = finding.start == finding.end and name == "text"
        if start < end or is_whole_text:
            yield {
                "rule_id": finding.rule_id,
                "severity": finding.severity.value,
                "field": name,
                "start": max(start - first, 0),
                "end": max(end - first, 0),
                "matched": finding.matched,
                "evasive": finding.is_evasive,
                "basis": finding.basis,
                "suggestion": finding.suggestion,
            }
