"""Read endpoints as usually written: FastAPI, ORM objects, a pydantic response model."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException, Query
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.models import Lead
from lead_svc.schemas.leads import LeadOut, LeadsOut
from shared.database import enter_brand
from shared.ids import parse_id
from shared.settings import read_key
from shared.web import ByIds, Page
from tests.bench.usual import serve, usual_sessions


def usual_app(url: str, key_dir: Path) -> FastAPI:
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

    @app.get("/leads", response_model=Page[LeadOut])
    async def list_leads(
        brand_id: Annotated[UUID, Depends(brand)],
        session: Annotated[AsyncSession, Depends(transaction)],
        first: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> Any:
        statement = select(Lead).where(Lead.brand_id == brand_id).order_by(Lead.id.desc())
        rows = (await session.scalars(statement.limit(first + 1))).all()
        return Page.of(rows, first, LeadOut.model_validate)

    @app.post("/leads/by-ids", response_model=LeadsOut)
    async def get_leads(
        brand_id: Annotated[UUID, Depends(brand)],
        session: Annotated[AsyncSession, Depends(transaction)],
        body: ByIds,
    ) -> Any:
        ids = body.uuids("lead")
        statement = select(Lead).where(Lead.brand_id == brand_id, Lead.id.in_(ids))
        rows = (await session.scalars(statement)).all()
        found = {row.id for row in rows}
        return {"items": rows, "missing": [one for one in ids if one not in found]}

    return app


def serve_usual(port: int, *arguments: Any) -> None:
    serve(usual_app(*arguments), port)
