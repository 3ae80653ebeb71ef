"""A brand's rows as the services send them, and the answers that GraphQL makes of them by hand."""

from collections.abc import Mapping, Sequence

import orjson

from shared.ids import typed, uuid7
from tests.gateway.services import ROWS, Row

LEADS = 50
ALIASES = 20

FIELDS = """
      id status source sourceLeadId submittedAt capturedAt city product score grade keyword
      channelCode version scoreReasons { rule points because }
      staff { id code name phone tier skills }
      unit { id code name city latitude longitude }
"""
LIST = f"""
query Page($first: Int!) {{
  leads(first: $first) {{
    edges {{ node {{{FIELDS}    }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
ONE = f"query One($id: ID!) {{ lead(id: $id) {{{FIELDS}}} }}"


class Brand:
    """50 leads of as many sellers in 20 stores."""

    def __init__(self) -> None:
        self.units = [_unit(number) for number in range(20)]
        self.staff = [_staff(number, self.units[number % 20]["id"]) for number in range(LEADS)]
        self.leads = [
            _lead(number, self.staff[number], self.units[number % 20]) for number in range(LEADS)
        ]

    @property
    def answers(self) -> dict[str, bytes]:
        """What the services answer to a page of leads and what it leads to, by path."""
        page = {
            "items": self.leads,
            "page": {"has_next": True, "end_cursor": self.leads[-1]["id"]},
        }
        return {
            "/lead/leads": orjson.dumps(page),
            "/account/staff/by-ids": _batch(self.staff),
            "/account/units/by-ids": _batch(self.units),
        }

    def answers_for(self, leads: Sequence[Row]) -> dict[str, bytes]:
        """The by-ids answers for some leads and what they lead to."""
        staff = {lead["staff_id"] for lead in leads}
        units = {lead["unit_id"] for lead in leads}
        return {
            "/lead/leads/by-ids": _batch(leads),
            "/account/staff/by-ids": _batch([row for row in self.staff if row["id"] in staff]),
            "/account/units/by-ids": _batch([row for row in self.units if row["id"] in units]),
        }

    def alias(self) -> str:
        """A document with 20 aliased leads."""
        fields = "".join(
            f'\n  lead{number}: lead(id: "{lead["id"]}") {{ id status score city version }}'
            for number, lead in enumerate(self.leads[:ALIASES])
        )
        return f"query Alias {{{fields}\n}}"


def _batch(rows: Sequence[Row]) -> bytes:
    return orjson.dumps({"items": rows, "missing": []})


def _unit(number: int) -> Row:
    return {
        **ROWS["unit"],
        "id": typed("unit", uuid7()),
        "code": f"SH{number:03}",
        "name": f"上海{number}店",
        "opens_at": "09:00",
        "closes_at": "21:00",
        "ancestor_ids": [typed("unit", uuid7()) for _ in range(3)],
    }


def _staff(number: int, unit_id: str) -> Row:
    return {
        **ROWS["staff"],
        "id": typed("staff", uuid7()),
        "unit_id": unit_id,
        "code": f"S{number:04}",
        "name": "陈*",
        "phone": "138****8000",
        "skills": ["suv", "ev"],
        "product_lines": ["suv"],
        "languages": ["zh"],
    }


def _lead(number: int, staff: Row, unit: Row) -> Row:
    return {
        **ROWS["lead"],
        "id": typed("lead", uuid7()),
        "connection_id": typed("conn", uuid7()),
        "source_lead_id": f"x{number}",
        "contact_id": typed("contact", uuid7()),
        "score_reasons": [
            *ROWS["lead"]["score_reasons"],
            {"rule": "city", "points": 10, "because": "同城"},
        ],
        "unit_id": unit["id"],
        "staff_id": staff["id"],
        "keyword": "试驾",
        "channel_code": "C1",
    }


def merged(lead: Row, staff: Mapping[str, Row], units: Mapping[str, Row]) -> Row:
    """A lead with its seller and store as `FIELDS` asks for it."""
    seller, store = staff[lead["staff_id"]], units[lead["unit_id"]]
    return {
        "id": lead["id"],
        "status": lead["status"].upper(),
        "source": lead["source"],
        "sourceLeadId": lead["source_lead_id"],
        "submittedAt": lead["submitted_at"],
        "capturedAt": lead["captured_at"],
        "city": lead["city"],
        "product": lead["product"],
        "score": lead["score"],
        "grade": lead["grade"],
        "keyword": lead["keyword"],
        "channelCode": lead["channel_code"],
        "version": lead["version"],
        "scoreReasons": lead["score_reasons"],
        "staff": {name: seller[name] for name in ("id", "code", "name", "phone", "tier", "skills")},
        "unit": {
            name: store[name] for name in ("id", "code", "name", "city", "latitude", "longitude")
        },
    }


def merged_page(page: Row, staff: Mapping[str, Row], units: Mapping[str, Row]) -> Row:
    return {
        "leads": {
            "edges": [{"node": merged(lead, staff, units)} for lead in page["items"]],
            "pageInfo": {
                "hasNextPage": page["page"]["has_next"],
                "endCursor": page["page"]["end_cursor"],
            },
        }
    }


def merged_aliases(leads: Mapping[str, Row], ids: Sequence[str]) -> Row:
    return {
        f"lead{number}": {
            "id": lead_id,
            "status": leads[lead_id]["status"].upper(),
            "score": leads[lead_id]["score"],
            "city": leads[lead_id]["city"],
            "version": leads[lead_id]["version"],
        }
        for number, lead_id in enumerate(ids)
    }
