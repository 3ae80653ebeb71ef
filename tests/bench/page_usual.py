"""Read endpoints as usually written: FastAPI, ORM objects, a pydantic response model."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException, Query
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.models import Unit
from account_svc.schemas.org import UnitOut
from content_svc.models import Post
from content_svc.schemas.posts import PostOut
from deploy.local.databases import Service
from lead_svc.models import Lead
from lead_svc.schemas.leads import LeadOut
from shared.database import enter_brand
from shared.ids import parse_id, typed
from shared.settings import read_key
from shared.web import Batch, ByIds, Page
from tests.bench.usual import serve, usual_sessions


def usual_app(service: Service, url: str, key_dir: Path) -> FastAPI:
    key = OctKey.import_key(read_key(key_dir / "service-secret"))
    claims = jwt.JWTClaimsRegistry(exp={"essential": True}, sub={"essential": True})
    sessions = usual_sessions(url)
    app = FastAPI()

    def brand(authorization: Annotated[str, Header()]) -> UUID:
        try:
            token = jwt.decode(authorization.removeprefix("Bearer "), key, algorithms=["HS256"])
            claims.validate(token.claims)
        except (JoseError, ValueError) as error:
            raise HTTPException(401) from error
        return parse_id("brand", token.claims["brand"])

    async def transaction(brand_id: Annotated[UUID, Depends(brand)]) -> AsyncIterator[AsyncSession]:
        async with sessions.begin() as session:
            await enter_brand(session, brand_id)
            yield session

    async def list_leads(
        brand_id: Annotated[UUID, Depends(brand)],
        session: Annotated[AsyncSession, Depends(transaction)],
        first: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> Any:
        statement = select(Lead).where(Lead.brand_id == brand_id).order_by(Lead.id.desc())
        rows = (await session.scalars(statement.limit(first + 1))).all()
        return Page.of(rows, first, LeadOut.model_validate)

    def by_ids(
        prefix: str, model: type[Any], shape: Callable[[Any], Any] = lambda row: row
    ) -> Callable[..., Any]:
        async def get(
            brand_id: Annotated[UUID, Depends(brand)],
            session: Annotated[AsyncSession, Depends(transaction)],
            body: ByIds,
        ) -> Any:
            ids = body.uuids(prefix)
            statement = select(model).where(model.brand_id == brand_id, model.id.in_(ids))
            rows = (await session.scalars(statement)).all()
            found = {row.id for row in rows}
            missing = [typed(prefix, one) for one in ids if one not in found]
            return {"items": [shape(row) for row in rows], "missing": missing}

        return get

    if service == "lead":
        app.get("/leads", response_model=Page[LeadOut])(list_leads)
        app.post("/leads/by-ids", response_model=Batch[LeadOut])(by_ids("lead", Lead))
    elif service == "account":
        app.post("/units/by-ids", response_model=Batch[UnitOut])(by_ids("unit", Unit))
    else:
        get_posts = by_ids("post", Post, _post_out)
        app.post("/posts/by-ids", response_model=Batch[PostOut])(get_posts)
    return app


def _post_out(post: Post) -> PostOut:
    """A post that was published through the platform and not measured yet."""
    own = {name: getattr(post, name, None) for name in PostOut.model_fields}
    return PostOut.model_validate(own)


def serve_usual(port: int, *arguments: Any) -> None:
    serve(usual_app(*arguments), port)
