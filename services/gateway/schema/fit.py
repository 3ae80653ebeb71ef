"""Whether a matrix suits the brand, and on which platforms (account_svc)."""

import strawberry

from gateway.context import Info
from gateway.rows import read_one, resource
from gateway.schema.fields import OWN_CALL, described
from gateway.schema.values import FitCondition, FitLevel, FitVerdict
from gateway.upstream import Service
from shared.events.account import Platform


@strawberry.type
class FitFinding:
    condition: FitCondition
    level: FitLevel | None = strawberry.field(description="Null: nobody has answered.")
    weight: int
    is_decisive: bool = strawberry.field(description="It alone makes the advice no-go.")
    reason: str


@strawberry.type
class PlatformFit:
    platform: Platform
    fits: bool
    reason: str


@resource
class FitAdvice:
    industry: str
    verdict: FitVerdict
    reason: str
    score: float = strawberry.field(description="Share of the answered weight that is met.")
    findings: list[FitFinding]
    platforms: list[PlatformFit] = strawberry.field(description="The most fitting first.")


@strawberry.type
class FitQuery:
    @described(
        "Go or no-go and an order of platforms, with reasons. The brand's industry and the stores "
        "of its tree are taken where nothing else is said; what is left out stays open.",
        cost=OWN_CALL,
    )
    async def fit_advice(
        self,
        info: Info,
        industry: str | None = None,
        wide_market: FitLevel | None = None,
        fierce_rivalry: FitLevel | None = None,
        many_outlets: FitLevel | None = None,
        active_audience: FitLevel | None = None,
        lasting_budget: FitLevel | None = None,
        long_decision: FitLevel | None = None,
    ) -> FitAdvice | None:
        answer = await info.context.get(
            Service.ACCOUNT,
            "/fit-advice",
            industry=industry,
            wide_market=wide_market,
            fierce_rivalry=fierce_rivalry,
            many_outlets=many_outlets,
            active_audience=active_audience,
            lasting_budget=lasting_budget,
            long_decision=long_decision,
        )
        return read_one(FitAdvice, answer)
