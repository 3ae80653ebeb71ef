"""Check one text against a rule pack."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import ahocorasick_rs

from content_svc.compliance import patterns, views
from content_svc.compliance.context import Context, Relation
from content_svc.compliance.detectors import Reading
from content_svc.compliance.identity import Label, carried_labels
from content_svc.compliance.pack import Clause, Excuse, Pack, Pattern, Verdict

_BLANK = "□"
_CLAUSE_BREAKS = ",。!?;\n"
_SENTENCE_BREAKS = "。!?;\n"


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach. `start` and `end` count code points of the text as the seller wrote it."""

    rule_id: str
    severity: Verdict
    start: int
    end: int
    matched: str
    is_evasive: bool
    suggestion: str
    basis: str


@dataclass(frozen=True, slots=True)
class Excused:
    """Words that a rule looked at and let pass, with the named exception that applied."""

    rule_id: str
    start: int
    end: int
    matched: str
    exception: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    verdict: Verdict
    findings: tuple[Finding, ...]
    excused: tuple[Excused, ...]
    pack_version: str


@dataclass(frozen=True, slots=True)
class _Hit:
    clause: int
    view: views.View
    first: int
    stop: int
    is_evasive: bool
    start: int
    end: int
    is_by_sound: bool = False


def check(pack: Pack, text: str, context: Context) -> CheckResult:
    """The verdict on `text`; pure, and linear in its length."""
    reading = Reading(text)
    active = _active(pack, context.industry, context.platform_id, context.relation, context.today)
    findings: list[Finding] = []
    excused: list[Excused] = []
    # Among equals the rule that comes first in the pack speaks, so hits are taken in its order.
    hits = sorted(_hits(pack, reading, context.industry, active), key=lambda hit: hit.clause)
    for hit in hits:
        clause = pack.clauses[hit.clause]
        if clause.also is not None and clause.also.search(reading.base.text) is None:
            continue
        severity = _severity(clause, hit, reading, context)
        exception = _excused_by(clause, severity, hit, reading, context)
        if exception:
            excused.append(
                Excused(clause.rule.id, hit.start, hit.end, text[hit.start : hit.end], exception)
            )
        else:
            findings.append(_finding(clause, hit, severity, reading))
    findings.extend(_brand_findings(pack, reading, context))
    findings.extend(_workflow_findings(pack, reading, context))
    kept = worst_first_without_overlap(findings)
    return CheckResult(
        verdict=max((f.severity for f in kept), key=lambda s: s.rank, default=Verdict.PASS),
        findings=tuple(kept),
        excused=tuple(dict.fromkeys(excused)),
        pack_version=pack.version,
    )


def worst_first_without_overlap(findings: Iterable[Finding]) -> list[Finding]:
    """Of overlapping findings the most severe stays, then the longest; in text order."""
    ranked = sorted(findings, key=lambda f: (-f.severity.rank, f.start - f.end, f.is_evasive))
    kept: list[Finding] = []
    for finding in ranked:
        if all(finding.end <= other.start or other.end <= finding.start for other in kept):
            kept.append(finding)
    return sorted(kept, key=lambda f: (f.start, f.end))


def _finding(clause: Clause, hit: _Hit, severity: Verdict, reading: Reading) -> Finding:
    return Finding(
        rule_id=clause.rule.id,
        severity=severity,
        start=hit.start,
        end=hit.end,
        matched=reading.original[hit.start : hit.end],
        is_evasive=hit.is_evasive,
        suggestion=clause.suggestion,
        basis=clause.rule.basis,
    )


@lru_cache(maxsize=512)
def _active(
    pack: Pack, industry: str, platform: str, relation: Relation, today: date
) -> tuple[bool, ...]:
    return tuple(clause.applies(industry, platform, relation, today) for clause in pack.clauses)


def _hits(pack: Pack, reading: Reading, industry: str, active: tuple[bool, ...]) -> Iterator[_Hit]:
    plain = list(_literal_hits(pack, reading.base, industry, active, is_skeleton=False))
    yield from plain
    seen = [(pack.clauses[hit.clause].rule.id, hit.start, hit.end) for hit in plain]
    for hit in _literal_hits(pack, reading.gapped, industry, active, is_skeleton=True):
        rule_id = pack.clauses[hit.clause].rule.id
        # What the rule already saw in plain words is no disguise, though it was excused there.
        if _skips_something(hit) and not any(
            rule_id == rule and start < hit.end and hit.start < end for rule, start, end in seen
        ):
            yield hit
    yield from _sound_hits(pack, reading, active)
    for number, detector in pack.detectors:
        if active[number]:
            is_evasive = pack.clauses[number].row.disguised
            for start, end in detector(reading):
                yield _located(reading, number, start, end, is_evasive)


def _likely(pack: Pack, text: str, industry: str) -> Iterator[Pattern]:
    for group in pack.pattern_groups:
        if not group.industries or industry in group.industries:
            for index in group.prefilter.Match(text) or ():
                yield group.patterns[index]


def _literal_hits(
    pack: Pack, view: views.View, industry: str, active: tuple[bool, ...], *, is_skeleton: bool
) -> Iterator[_Hit]:
    for pattern in _likely(pack, view.text, industry):
        if not active[pattern.clause]:
            continue
        is_disguised = is_skeleton or pack.clauses[pattern.clause].row.disguised
        plain = None
        for match in pattern.wide.finditer(view.text):
            if not is_disguised and plain is None:
                plain = [m.span() for m in pattern.plain.finditer(view.text)]
            is_evasive = is_disguised or not any(
                first < match.end() and match.start() < stop for first, stop in plain or ()
            )
            first, stop = match.span(1) if match.re.groups else match.span()
            yield _Hit(pattern.clause, view, first, stop, is_evasive, *view.span(first, stop))
    for index, first, stop in pack.term_automaton.find_matches_as_indexes(
        view.text, overlapping=True
    ):
        term = pack.terms[index]
        if active[term.clause]:
            is_evasive = is_skeleton or not term.is_plain or pack.clauses[term.clause].row.disguised
            yield _Hit(term.clause, view, first, stop, is_evasive, *view.span(first, stop))


def _skips_something(hit: _Hit) -> bool:
    start, end = hit.view.start, hit.view.end
    return any(start[i + 1] > end[i] for i in range(hit.first, hit.stop - 1))


def _sound_hits(pack: Pack, reading: Reading, active: tuple[bool, ...]) -> Iterator[_Hit]:
    view = reading.pinyin
    for index, first, stop in pack.sound_automaton.find_matches_as_indexes(
        view.text, overlapping=True
    ):
        sound = pack.sounds[index]
        written = reading.skeleton.text[first:stop]
        differing = sum(a != b for a, b in zip(written, sound.text, strict=True))
        if active[sound.clause] and differing == 1:
            yield _Hit(
                sound.clause, reading.skeleton, first, stop, True, *view.span(first, stop), True
            )


def _located(reading: Reading, clause: int, start: int, end: int, is_evasive: bool) -> _Hit:
    """A detector's span of the original as a hit on the base view."""
    view = reading.base
    first = next(i for i, at in enumerate(view.start) if at >= start)
    stop = first + 1
    while stop < len(view.text) and view.start[stop] < end:
        stop += 1
    return _Hit(clause, view, first, stop, is_evasive, start, end)


def _severity(clause: Clause, hit: _Hit, reading: Reading, context: Context) -> Verdict:
    if hit.is_by_sound:
        return Verdict.REVIEW
    if not hit.is_evasive and any(
        _excuses(excuse, hit, reading, context) for excuse in clause.softeners
    ):
        return Verdict.REVIEW
    return clause.severity


def _excused_by(
    clause: Clause, severity: Verdict, hit: _Hit, reading: Reading, context: Context
) -> str | None:
    for excuse in clause.exceptions:
        # A disguise is a sign of intent, so only exceptions that say "these characters form
        # another word" or "this platform allows it" still count.
        if hit.is_evasive and excuse.row.scope not in ("covers", "context"):
            continue
        if _excuses(excuse, hit, reading, context):
            return excuse.row.name
    if severity is Verdict.REVIEW:
        for kind in clause.rule.evidence:
            if kind in context.evidence:
                return f"evidence:{kind}"
    return None


def _excuses(excuse: Excuse, hit: _Hit, reading: Reading, context: Context) -> bool:
    row = excuse.row
    if row.platforms and context.platform_id not in row.platforms:
        return False
    if row.industries and context.industry not in row.industries:
        return False
    if row.scope == "context":
        return True
    if row.scope == "covers":
        low, high = _bounds(hit, _SENTENCE_BREAKS)
        sentence = hit.view.text[low:high]
        return any(
            match.start() + low < hit.stop and hit.first < match.end() + low
            for regex in excuse.regexes
            for match in regex.finditer(sentence)
        )
    window = _window(row.scope, row.reach, hit, reading)
    if excuse.overlooked is not None:
        window = excuse.overlooked.sub(lambda match: _BLANK * len(match[0]), window)
    found = (regex.search(window) for regex in excuse.regexes)
    return all(found) if row.all_of else any(found)


def _window(scope: str, reach: int, hit: _Hit, reading: Reading) -> str:
    text = hit.view.text
    if scope == "text":
        return reading.base.text
    low, high = _bounds(hit, _SENTENCE_BREAKS if scope in ("sentence", "after") else _CLAUSE_BREAKS)
    if scope == "before":
        return text[max(low, hit.first - reach) : hit.first]
    if scope == "after":
        return text[hit.stop : min(high, hit.stop + reach)]
    return text[low:high]


def _bounds(hit: _Hit, breaks: str) -> tuple[int, int]:
    text = hit.view.text
    low = max(text.rfind(mark, 0, hit.first) for mark in breaks) + 1
    ends = [at for mark in breaks if (at := text.find(mark, hit.stop)) >= 0]
    return low, min(ends, default=len(text))


def _brand_findings(pack: Pack, reading: Reading, context: Context) -> Iterator[Finding]:
    never = tuple(context.brand_never_words)
    for word, start, end, is_evasive in _word_hits(pack, never, reading):
        yield _word_finding(
            pack, "BRD-01", context.brand_never_words[word], reading, start, end, is_evasive
        )
    for _, start, end, is_evasive in _word_hits(pack, context.competitor_words, reading):
        sentence = _sentence(reading.original, start, end)
        if pack.belittling.search(views.base(sentence).text):
            yield _word_finding(pack, "CMP-01", Verdict.BLOCK, reading, start, end, is_evasive)
        else:
            yield _word_finding(pack, "BRD-02", Verdict.REVIEW, reading, start, end, is_evasive)


def _workflow_findings(pack: Pack, reading: Reading, context: Context) -> Iterator[Finding]:
    """Rules decided by the post, not by its words; they point at the end, where a label goes."""
    if context.has_purchase_component or context.is_ai_generated:
        carried = carried_labels(pack, reading.original, context)
        if context.has_purchase_component and not carried & {Label.ADVERTISEMENT, Label.STAFF}:
            yield _missing(pack, "DIS-01", reading)
        if context.is_ai_generated and Label.AI_GENERATED not in carried:
            yield _missing(pack, "AIG-01", reading)
    if context.is_finance_promotion and not context.evidence.intersection(
        pack.rule("FIN-05").evidence
    ):
        yield _missing(pack, "FIN-05", reading)


def _missing(pack: Pack, rule_id: str, reading: Reading) -> Finding:
    end = len(reading.original)
    return _word_finding(
        pack, rule_id, Verdict(pack.rule(rule_id).severity), reading, end, end, False
    )


def _word_finding(
    pack: Pack,
    rule_id: str,
    severity: Verdict,
    reading: Reading,
    start: int,
    end: int,
    is_evasive: bool,
) -> Finding:
    rule = pack.rule(rule_id)
    return Finding(
        rule_id=rule_id,
        severity=severity,
        start=start,
        end=end,
        matched=reading.original[start:end],
        is_evasive=is_evasive,
        suggestion=rule.suggestion,
        basis=rule.basis,
    )


def _sentence(text: str, start: int, end: int) -> str:
    low = max(text.rfind(mark, 0, start) for mark in "。！？；!?;\n") + 1
    ends = [at for mark in "。！？；!?;\n" if (at := text.find(mark, end)) >= 0]
    return text[low : min(ends, default=len(text))]


@lru_cache(maxsize=1024)
def _word_automaton(
    pack: Pack, words: tuple[str, ...]
) -> tuple[list[tuple[str, bool]], ahocorasick_rs.AhoCorasick]:
    entries = []
    spelled = []
    for word in words:
        folded = views.base(word).text
        for spelling in patterns.spellings(folded, pack.stand_ins):
            if spelling:
                spelled.append(spelling)
                entries.append((word, spelling == folded))
    return entries, ahocorasick_rs.AhoCorasick(spelled, ahocorasick_rs.MatchKind.Standard)


def _word_hits(
    pack: Pack, words: tuple[str, ...], reading: Reading
) -> Iterator[tuple[str, int, int, bool]]:
    if not words:
        return
    entries, automaton = _word_automaton(pack, words)
    for view, is_skeleton in ((reading.base, False), (reading.skeleton, True)):
        for index, first, stop in automaton.find_matches_as_indexes(view.text, overlapping=True):
            word, is_plain = entries[index]
            yield word, *view.span(first, stop), is_skeleton or not is_plain
