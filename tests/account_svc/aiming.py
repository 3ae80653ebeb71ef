"""Results as other services tell them, and goals as REST and GraphQL show them."""

from datetime import datetime, timedelta
from typing import Any

from account_svc.models import period_of
from shared.clock import now
from shared.events.content import PostPublished
from shared.events.lead import DealVoided, DealWon
from shared.ids import uuid7
from tests.account_svc.earning import deal
from tests.account_svc.making import Api
from tests.caller import Json, uuid_of

DAY = timedelta(days=1)


def won(seller: Json, at: datetime, **overrides: Any) -> DealWon:
    return DealWon(**{**deal(seller, uuid7()), "closed_at": at, **overrides})


def deal_voided(event: DealWon) -> DealVoided:
    about = event.model_dump(
        include={
            "deal_id",
            "lead_id",
            "contact_id",
            "staff_id",
            "unit_id",
            "account_id",
            "post_id",
            "campaign_id",
            "amount_minor",
            "currency",
        }
    )
    return DealVoided(**about, reason="returned")


def published(
    account: Json, at: datetime, seller: Json | None = None, **overrides: Any
) -> PostPublished:
    return PostPublished(
        **{
            "post_id": uuid7(),
            "account_id": uuid_of(account["id"]),
            "platform": account["platform"],
            "staff_id": None if seller is None else uuid_of(seller["id"]),
            "unit_id": uuid_of(account["unit_id"]),
            "platform_post_id": "note-1",
            "url": None,
            "published_at": at,
            **overrides,
        }
    )


async def aim(
    api: Api, owner: Json, target: int, *, metric: str = "leads_accepted", period: str | None = None
) -> Json:
    """Of a unit or a person."""
    kind = owner["id"].partition("_")[0]
    body = {
        "period": period or period_of(now()),
        "metric": metric,
        "goals": [{f"{kind}_id": owner["id"], "target": target}],
    }
    path = "units" if kind == "unit" else "staff"
    (goal,) = (await api.post(f"/goals/of-{path}", body))["items"]
    found: Json = goal
    return found


async def progress(
    api: Api, owner: Json, *, metric: str = "leads_accepted", period: str | None = None
) -> Json:
    kind = owner["id"].partition("_")[0]
    path = f"/goal-progress/by-{'units' if kind == 'unit' else 'staff'}"
    query = "" if period is None else f"?period={period}"
    (item,) = (await api.post(f"{path}{query}", {"ids": [owner["id"]]}))["items"]
    by_metric: dict[str, Json] = {each["metric"]: each for each in item["metrics"]}
    return by_metric[metric]
