"""Posts that are paid for what they came to, once, from the figures that the brand asks for."""

from datetime import datetime, timedelta

from shared.events.content import PostMeasured, PostPublished
from shared.inbox import Inbox
from tests.account_svc.aiming import published
from tests.account_svc.earning import AT, deliver, ledger, make_rule
from tests.account_svc.making import Api, make_account
from tests.caller import Json

RULE = {
    "trigger": "post_quality",
    "amount": 0,
    "formula": "30 if saves + comments >= 20 and hours <= 72 else 0",
}


def measured(post: PostPublished, at: datetime, *, saves: int) -> PostMeasured:
    return PostMeasured(
        post_id=post.post_id,
        account_id=post.account_id,
        measured_at=at,
        views=1_000,
        likes=50,
        saves=saves,
        comments=5,
        shares=0,
        follows=1,
    )


async def publish(api: Api, inbox: Inbox, seller: Json | None) -> PostPublished:
    account = await make_account(api, seller)
    event = published(account, AT, seller)
    await deliver(api, inbox, event)
    return event


async def test_a11_a_post_is_paid_for_quality_once_when_its_figures_reach_the_rule(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rule(api, **RULE)
    post = await publish(api, inbox, seller)
    days = [AT + timedelta(days=number) for number in (1, 2, 3)]

    await deliver(api, inbox, measured(post, days[0], saves=10), first_version=2)
    assert await ledger(api) == []
    await deliver(
        api,
        inbox,
        measured(post, days[1], saves=15),
        measured(post, days[2], saves=90),
        first_version=3,
    )

    (entry,) = await ledger(api)
    assert (entry["cause"], entry["staff_id"]) == (post.subject, seller["id"])
    assert (entry["amount"], entry["debit"]) == (30, "rewards/post_quality")
    assert entry["earned_at"] == days[1].isoformat().replace("+00:00", "Z")


async def test_a11_what_a_post_came_to_after_its_time_is_not_paid(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rule(api, **RULE)
    post = await publish(api, inbox, seller)

    await deliver(api, inbox, measured(post, AT + timedelta(hours=73), saves=90), first_version=2)

    assert await ledger(api) == []


async def test_a11_a_post_of_nobody_s_is_paid_to_nobody(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rule(api, **RULE)
    account = await make_account(api, seller)
    post = published(account, AT)
    await deliver(api, inbox, post)

    await deliver(api, inbox, measured(post, AT + timedelta(days=1), saves=90), first_version=2)

    assert await ledger(api) == []


async def test_a11_quality_without_a_formula_is_refused(api: Api) -> None:
    rule = {"trigger": "post_quality", "amount": 5, "currency": "points"}

    problem = await api.refuse("/incentive-rules", rule)

    assert problem["status"] == 422
    assert "formula" in problem["detail"]
