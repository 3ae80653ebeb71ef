"""I10, I11: strings that only one brand, or only one person's owner, may show."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.chaos.checker.anomaly import Anomaly
from tests.chaos.checker.evidence import Brand, Evidence, Row
from tests.chaos.checker.typeid import typed

_RARE = "蘅嫘荨靥蘧夔黹翦羿蠡鬻亹"
_CANARY = re.compile(
    rf"canary[a-z0-9]+?\d{{5}}[a-z]{{4}}|199\d{{8}}|wx_[a-z0-9]+_\d{{5}}_[a-z]{{5}}"
    rf"|[{_RARE}]{{3}}[a-z0-9]+|brand_[0-9a-z]{{26}}"
)
_ESCAPE = re.compile(r"\\u([0-9a-f]{4})")
_HEX_PHONE = re.compile(r"313939(?:3\d){8}")


@dataclass(frozen=True)
class Index:
    """Whose each canary is."""

    brands: dict[str, str]
    """Tag of the brand, by canary (the brand's id is one, too)."""
    personal: frozenset[str]

    def found_in(self, text: str) -> set[str]:
        """The canaries in a text, also where they are escaped as in JSON or hexadecimal."""
        if "\\u" in text:
            text += _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
        found = set(_CANARY.findall(text))
        found |= {bytes.fromhex(each).decode() for each in _HEX_PHONE.findall(text)}
        return found & self.brands.keys()


def index_of(evidence: Evidence) -> Index:
    brands: dict[str, str] = {}
    personal: set[str] = set()
    for brand in evidence.brands.values():
        brands |= dict.fromkeys(brand.public | brand.personal | {brand.brand_id}, brand.tag)
        personal |= brand.personal
    return Index(brands, frozenset(personal))


def told(evidence: Evidence) -> Iterator[tuple[str, Brand | None, str]]:
    """Everything that was said: where, to or of which brand, and the words."""
    brand: Brand | None
    for operation in evidence.operations:
        brand = evidence.brands[operation.brand]
        words = operation.answers + [each.get("body", "") for each in operation.attempts]
        yield f"the answer to {operation.kind} {operation.id}", brand, "\n".join(words)
    for record in evidence.records:
        where = f"{record.topic}/{record.partition}/{record.offset}"
        words = [*record.headers.values(), record.key, _text(record.value)]
        yield where, evidence.brand_of(record.brand_id), "\n".join(words)
    for call in evidence.sink:
        brand = next((each for each in evidence.brands.values() if each.sink == call.name), None)
        yield f"webhook call {call.number}", brand, _text(call.body)
    for service, tables in evidence.tables.items():
        for table, rows in tables.items():
            for row in rows:
                yield f"{service}.{table}", _brand_of(evidence, row), _text(row)


def other_brands(evidence: Evidence) -> Iterable[Anomaly]:
    """I10: nothing of a brand, or told to it, holds a canary of another."""
    index = index_of(evidence)
    for where, brand, words in told(evidence):
        if brand is None:
            continue
        for canary in index.found_in(words):
            if index.brands[canary] != brand.tag:
                yield Anomaly(
                    "I10", f"{where} of {brand.tag} holds {canary} of {index.brands[canary]}"
                )


def isolated(evidence: Evidence) -> Iterable[Anomaly]:
    """I10: row-level security is on and forced wherever a row has a brand."""
    for row in evidence.catalog:
        if row["has_brand"] and not (row["is_enabled"] and row["is_forced"]):
            yield Anomaly(
                "I10", f"row-level security of {row['service']}.{row['name']} is not forced"
            )
    for role in evidence.roles:
        if role["rolsuper"] or role["rolbypassrls"]:
            yield Anomaly("I10", f"role {role['rolname']} passes row-level security")


def begun_in_no_brand(evidence: Evidence) -> Iterable[Anomaly]:
    """I10: no transaction begins in the brand of the one that had its connection before.

    The inbox is written before any brand is entered: what is set then is a remainder.
    """
    for rows in evidence.journal.values():
        for row in rows:
            if row["place"] == "inbox" and row["brand"] is not None:
                yield Anomaly(
                    "I10", f"{row['consumer']} began to take in {row['event_id']} as {row['brand']}"
                )


def _refusal(body: str) -> str:
    """What says no: of a GraphQL answer its errors, for the data beside them were asked for."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    if not (isinstance(answer, dict) and answer.get("errors") and answer.get("data")):
        return body
    rest = {name: value for name, value in answer.items() if name != "data"}
    return json.dumps(rest, ensure_ascii=False)


def personal_data(evidence: Evidence) -> Iterable[Anomaly]:
    """I11: no plain name, phone or WeChat id in topics, tables, webhooks, logs, spans, errors."""
    index = index_of(evidence)
    errors = (
        (f"a refusal of {each.kind} {each.id}", _refusal(attempt.get("body", "")))
        for each in evidence.operations
        for attempt in each.attempts
    )
    places: list[tuple[str, str]] = [
        *((where, words) for where, _, words in told(evidence) if not where.startswith("the ans")),
        *errors,
        *((f"the log of {name}", text) for name, text in evidence.logs.items()),
        ("a span", evidence.traces.decode(errors="replace")),
    ]
    seen = set()
    for where, words in places:
        leaked = index.found_in(words) & index.personal
        for canary in leaked:
            if (where, canary) not in seen:
                seen.add((where, canary))
                yield Anomaly("I11", f"{where} tells {canary}")


def _brand_of(evidence: Evidence, row: Row) -> Brand | None:
    brand_id = row.get("brand_id")
    return None if brand_id is None else evidence.brand_of(typed("brand", brand_id))


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, dict):
        return "\n".join(_text(each) for each in value.values())
    if isinstance(value, list):
        return "\n".join(_text(each) for each in value)
    return str(value)
