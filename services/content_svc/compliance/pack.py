"""The rule pack: dated rows in TOML that a brand's lawyer can read, compiled once for matching."""

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import ahocorasick_rs
import re2  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from content_svc.compliance import detectors, patterns, views
from content_svc.compliance.patterns import StandIns

RULES_FOLDER = Path(__file__).parent / "rules"
_ESCAPE = re.compile(r"\\p\{\w+\}|\\.")
_NOT_RULES = frozenset({"pack.toml", "words.toml", "stand_ins.toml", "exceptions.toml"})


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105  # a verdict, not a password
    REVIEW = "review"
    BLOCK = "block"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {Verdict.PASS: 0, Verdict.REVIEW: 1, Verdict.BLOCK: 2}

Severity = Literal[Verdict.REVIEW, Verdict.BLOCK]


class PackError(ValueError):
    """A rule file cannot be used; the message names file, row and field."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MatchRow(_Row):
    """One way to break a rule. Every list it leaves out is taken from the rule."""

    note: str = ""
    terms: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    detector: str = ""
    sounds_like: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """The hit counts only when one of these patterns is somewhere in the text too."""
    severity: Severity | None = None
    industries: tuple[str, ...] | None = None
    exceptions: tuple[str, ...] = ()
    """Added to those of the rule."""
    softened_by: tuple[str, ...] = ()
    """Exceptions that turn a block into a review instead of excusing it."""
    suggestion: str = ""
    disguised: bool = False
    """The words themselves are a disguise: always evasive."""


class RuleRow(_Row):
    id: str = Field(pattern=r"^[A-Z]{3}-\d{2}$")
    title: str
    basis: str
    severity: Severity
    suggestion: str
    source: str
    valid_from: date
    valid_to: date | None = None
    industries: tuple[str, ...] = ()
    except_industries: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    match: tuple[MatchRow, ...] = ()


class ExceptionRow(_Row):
    name: str
    reason: str
    scope: Literal["covers", "before", "after", "clause", "sentence", "text", "context"]
    reach: int = 7
    patterns: tuple[str, ...] = ()
    all_of: bool = False
    """Every pattern must be found, not just one."""
    overlook: tuple[str, ...] = ()
    """Words in which the patterns are not looked for: 非常 does not deny, though 非 does."""
    platforms: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Excuse:
    """A named exception, compiled."""

    row: ExceptionRow
    regexes: tuple[Any, ...]
    overlooked: Any | None


@dataclass(frozen=True, slots=True)
class Clause:
    """One match row of one rule with everything it inherits."""

    rule: RuleRow
    row: MatchRow
    severity: Verdict
    industries: frozenset[str]
    exceptions: tuple[Excuse, ...]
    softeners: tuple[Excuse, ...]
    also: Any | None
    suggestion: str

    def applies(self, industry: str, platform: str, relation: str, today: date) -> bool:
        rule = self.rule
        return (
            (not self.industries or industry in self.industries)
            and industry not in rule.except_industries
            and (not rule.platforms or platform in rule.platforms)
            and (not rule.relations or relation in rule.relations)
            and rule.valid_from <= today
            and (rule.valid_to is None or today <= rule.valid_to)
        )


@dataclass(frozen=True, slots=True)
class Pattern:
    clause: int
    plain: Any
    wide: Any


@dataclass(frozen=True, slots=True)
class PatternGroup:
    """Patterns for the same industries behind one prefilter, so other trades cost nothing."""

    industries: frozenset[str]
    patterns: tuple[Pattern, ...]
    prefilter: Any


@dataclass(frozen=True, slots=True)
class Term:
    clause: int
    text: str
    is_plain: bool


@dataclass(frozen=True, slots=True)
class SoundAlike:
    clause: int
    text: str


@dataclass(frozen=True, eq=False)
class Pack:
    """A compiled rule set. Immutable and safe to share between threads."""

    version: str
    digest: str
    rules: tuple[RuleRow, ...]
    clauses: tuple[Clause, ...]
    pattern_groups: tuple[PatternGroup, ...]
    terms: tuple[Term, ...]
    term_automaton: ahocorasick_rs.AhoCorasick
    sounds: tuple[SoundAlike, ...]
    sound_automaton: ahocorasick_rs.AhoCorasick
    detectors: tuple[tuple[int, detectors.Detector], ...]
    stand_ins: StandIns
    excuses: Mapping[str, Excuse]
    belittling: Any
    """Words that run a competitor down, once one is named."""

    def rule(self, rule_id: str) -> RuleRow:
        return next(rule for rule in self.rules if rule.id == rule_id)


RowType = TypeVar("RowType", bound=_Row)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise PackError(f"{path.name}: {error}") from error


def _rows(path: Path, key: str, model: type[RowType]) -> list[RowType]:
    rows = []
    for index, raw in enumerate(_read(path).get(key, [])):
        label = raw.get("id") or raw.get("name") or f"{key} {index + 1}"
        try:
            rows.append(model.model_validate(raw))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise PackError(f"{path.name}: {label}: {field}: {first['msg']}") from error
    return rows


class _Compiler:
    """Collects what the files say; one instance compiles one pack."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = ""
        self.rules: list[RuleRow] = []
        self.clauses: list[Clause] = []
        self.patterns: list[Pattern] = []
        self.terms: list[Term] = []
        self.sounds: list[SoundAlike] = []
        self.detectors: list[tuple[int, detectors.Detector]] = []
        self.classes = self._word_classes()
        self.stand_ins = self._stand_ins()
        self.excuses = self._excuses()

    def _word_classes(self) -> dict[str, str]:
        try:
            return patterns.word_classes(_read(self.folder / "words.toml")["class"])
        except patterns.UnknownWordClass as error:
            raise PackError(f"words.toml: {error}") from error

    def _stand_ins(self) -> patterns.StandIns:
        tables = _read(self.folder / "stand_ins.toml")
        spoken = "".join(tables["pinyin"]["characters"].split())
        merged: dict[str, list[str]] = {char: [views.syllable(char)] for char in spoken}
        for table in (tables["sound_and_shape"], tables["split"]):
            for char, spellings in table.items():
                merged.setdefault(char, []).extend(spellings)
        return merged

    def _excuses(self) -> dict[str, Excuse]:
        self.file = "exceptions.toml"
        excuses = {}
        for row in _rows(self.folder / self.file, "exception", ExceptionRow):
            regexes = [self._regex(pattern, row.name, "patterns") for pattern in row.patterns]
            if regexes and not row.all_of:
                regexes = [self._any(row.patterns, row.name, "patterns")]
            overlooked = self._any(row.overlook, row.name, "overlook") if row.overlook else None
            excuses[row.name] = Excuse(row, tuple(regexes), overlooked)
        return excuses

    def _fail(self, rule: str, field: str, problem: str) -> PackError:
        return PackError(f"{self.file}: {rule}: {field}: {problem}")

    def _expanded(self, pattern: str, rule: str, field: str) -> str:
        literal = _ESCAPE.sub("", pattern)
        if (folded := views.base(literal).text) != literal:
            raise self._fail(rule, field, f"{literal!r} is read as {folded!r}; write it so")
        try:
            return patterns.expand(pattern, self.classes)
        except patterns.UnknownWordClass as error:
            raise self._fail(rule, field, str(error)) from error

    def _compile(self, pattern: str, rule: str, field: str) -> Any:
        options = re2.Options()
        options.log_errors = False
        try:
            compiled = re2.compile(pattern, options)
        except re2.error as error:
            reason = error.args[0].decode()
            raise self._fail(rule, field, f"{pattern!r}: {reason}") from error
        if compiled.search("") is not None:
            raise self._fail(rule, field, f"{pattern!r} matches nothing at all")
        return compiled

    def _regex(self, pattern: str, rule: str, field: str) -> Any:
        return self._compile(self._expanded(pattern, rule, field), rule, field)

    def _any(self, many: Sequence[str], rule: str, field: str) -> Any:
        for pattern in many:
            self._regex(pattern, rule, field)
        return self._regex("|".join(f"(?:{pattern})" for pattern in many), rule, field)

    def _named(self, names: Sequence[str], rule: str, field: str) -> tuple[Excuse, ...]:
        for name in names:
            if name not in self.excuses:
                raise self._fail(rule, field, f"no exception {name!r}")
        return tuple(self.excuses[name] for name in names)

    def add_file(self, path: Path) -> None:
        self.file = path.name
        for rule in _rows(path, "rule", RuleRow):
            if any(rule.id == known.id for known in self.rules):
                raise self._fail(rule.id, "id", "used twice")
            self.rules.append(rule)
            for row in rule.match:
                self._add_match(rule, row)

    def _add_match(self, rule: RuleRow, row: MatchRow) -> None:
        number = len(self.clauses)
        industries = rule.industries if row.industries is None else row.industries
        self.clauses.append(
            Clause(
                rule=rule,
                row=row,
                severity=Verdict(row.severity or rule.severity),
                industries=frozenset(industries),
                exceptions=self._named(
                    (*rule.exceptions, *row.exceptions), rule.id, "match.exceptions"
                ),
                softeners=self._named(row.softened_by, rule.id, "match.softened_by"),
                also=self._any(row.also, rule.id, "match.also") if row.also else None,
                suggestion=row.suggestion or rule.suggestion,
            )
        )
        for pattern in row.patterns:
            plain = self._expanded(pattern, rule.id, "match.patterns")
            wide = patterns.widen(plain, self.stand_ins)
            self.patterns.append(
                Pattern(
                    number,
                    self._compile(plain, rule.id, "match.patterns"),
                    self._compile(wide, rule.id, "match.patterns"),
                )
            )
        for term in row.terms:
            folded = views.base(term).text
            if len(folded) < 2:
                raise self._fail(rule.id, "match.terms", f"{term!r}: one character is not a term")
            spelled = patterns.spellings(folded, self.stand_ins)
            self.terms.extend(Term(number, text, text == folded) for text in spelled)
        for term in row.sounds_like:
            if len(term) < 3:
                raise self._fail(rule.id, "match.sounds_like", f"{term!r} is too short")
            self.sounds.append(SoundAlike(number, term))
        if row.detector:
            try:
                self.detectors.append((number, detectors.DETECTORS[row.detector]))
            except KeyError:
                raise self._fail(
                    rule.id, "match.detector", f"no detector {row.detector!r}"
                ) from None

    def _pattern_groups(self) -> tuple[PatternGroup, ...]:
        by_industries: dict[frozenset[str], list[Pattern]] = {}
        for pattern in self.patterns:
            industries = self.clauses[pattern.clause].industries
            by_industries.setdefault(industries, []).append(pattern)
        groups = []
        for industries, members in by_industries.items():
            prefilter = re2.Filter()
            for pattern in members:
                prefilter.Add(pattern.wide.pattern)
            prefilter.Compile()
            groups.append(PatternGroup(industries, tuple(members), prefilter))
        return tuple(groups)

    def pack(self, version: str, digest: str) -> Pack:
        standard = ahocorasick_rs.MatchKind.Standard
        return Pack(
            version=version,
            digest=digest,
            rules=tuple(self.rules),
            clauses=tuple(self.clauses),
            pattern_groups=self._pattern_groups(),
            terms=tuple(self.terms),
            term_automaton=ahocorasick_rs.AhoCorasick([t.text for t in self.terms], standard),
            sounds=tuple(self.sounds),
            sound_automaton=ahocorasick_rs.AhoCorasick(
                [views.sound(s.text) for s in self.sounds], standard
            ),
            detectors=tuple(self.detectors),
            stand_ins=self.stand_ins,
            excuses=self.excuses,
            belittling=re2.compile(self.classes["belittling"]),
        )


def load_pack(folder: Path = RULES_FOLDER) -> Pack:
    """Read, validate and compile every rule file of `folder`; raises PackError."""
    files = sorted(folder.glob("*.toml"))
    compiler = _Compiler(folder)
    for path in files:
        if path.name not in _NOT_RULES:
            compiler.add_file(path)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    version = str(_read(folder / "pack.toml").get("version", ""))
    if not version:
        raise PackError("pack.toml: version is missing")
    return compiler.pack(version, digest)


@cache
def default_pack() -> Pack:
    """The pack that ships with the service, loaded on first use."""
    return load_pack()
