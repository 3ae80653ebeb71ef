"""Assets, templates, the content policy and the compliance check over HTTP."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from content_svc import storage
from content_svc.access import MATRIX
from content_svc.checking import Policy, check_text
from content_svc.models import Asset, AssetKind, ContentPolicy, Template
from content_svc.repository import library as repository
from content_svc.repository import views
from content_svc.repository.reading import Conditions, read_by_ids, read_page
from content_svc.schemas.library import (
    AssetOut,
    CheckIn,
    CheckOut,
    ContentPolicyIn,
    ContentPolicyOut,
    FindingOut,
    Tag,
    TemplateIn,
    TemplateOut,
)
from content_svc.use_cases import library as use_cases
from shared import audit, idempotency
from shared.access import Principal
from shared.clock import now
from shared.database import brand_session
from shared.ids import AssetId, uuid7
from shared.web import Batch, ByIds, CommandRoute, CursorQuery, Page, Transaction, json_response

reads = APIRouter(tags=["library"])
commands = APIRouter(tags=["library"], route_class=CommandRoute)
ROUTERS = (reads, commands)

ReadsAssets = Annotated[Principal, Depends(MATRIX.allow("asset.read"))]
ReadsTemplates = Annotated[Principal, Depends(MATRIX.allow("template.read"))]


@reads.get("/assets", response_model=Page[AssetOut])
async def list_assets(
    *,
    request: Request,
    principal: ReadsAssets,
    cursor: CursorQuery,
    kind: AssetKind | None = None,
    tag: str | None = None,
) -> Response:
    conditions = Conditions("a", principal.brand_id)
    conditions.add_given("a.kind = ?", kind)
    conditions.add_given("? = any(a.tags)", tag)
    return json_response(
        await read_page(request.state.reads, views.SELECT_ASSET, conditions, cursor, views.asset)
    )


@reads.post("/assets/by-ids", response_model=Batch[AssetOut])
async def get_assets(request: Request, principal: ReadsAssets, body: ByIds) -> Response:
    return json_response(
        await read_by_ids(
            request.state.reads,
            views.SELECT_ASSET,
            Conditions("a", principal.brand_id),
            "asset",
            body.uuids("asset"),
            views.asset,
        )
    )


@reads.post(
    "/assets",
    status_code=201,
    response_model=AssetOut,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def add_asset(
    *,
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("asset.add"))],
    name: Annotated[str, Query(min_length=1, max_length=200)],
    kind: AssetKind,
    tags: Annotated[list[Tag], Query()] = [],  # noqa: B006 - FastAPI copies it
    licensed_until: date | None = None,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Response:
    """The raw body is streamed to the store; the asset exists once all of it is there.

    A repeat under its `Idempotency-Key` answers as the first time and keeps no second copy.
    """
    key = None if idempotency_key is None else idempotency.parse_key(idempotency_key)
    asset_id = uuid7()
    path = f"{principal.brand_id}/{asset_id}"
    store = request.state.store
    stored = await storage.put(
        store, path, request.stream(), largest=request.state.settings.largest_asset_bytes
    )
    asset = Asset(
        id=asset_id,
        brand_id=principal.brand_id,
        kind=kind,
        name=name,
        media_type=request.headers.get("content-type", "application/octet-stream"),
        bytes=stored.bytes,
        sha256=stored.sha256,
        tags=tags,
        licensed_until=licensed_until,
        path=path,
        created_at=now(),
    )
    is_kept = False
    try:
        async with brand_session(request.state.sessions, principal.brand_id) as session:
            if key is not None:
                # The body has gone to the store, so its digest stands for it.
                request_mark = idempotency.fingerprint(
                    principal.actor,
                    "POST",
                    f"/assets?{request.url.query}",
                    stored.sha256.encode(),
                )
                earlier = await idempotency.claim(session, principal.brand_id, key, request_mark)
                if earlier is not None:
                    return Response(
                        earlier.body,
                        earlier.status,
                        {"Idempotency-Replayed": "true"},
                        media_type=earlier.media_type,
                    )
            await use_cases.add_asset(session, asset, actor=principal.actor)
            body = AssetOut.model_validate(asset).model_dump_json().encode()
            answer = idempotency.StoredAnswer(201, "application/json", body)
            if key is not None:
                await idempotency.store(session, principal.brand_id, key, answer)
            await audit.flush(session, principal.brand_id, request.state.audit_key)
        is_kept = True
    finally:
        if not is_kept:
            await store.delete_async(path)
    return Response(answer.body, answer.status, media_type=answer.media_type)


@reads.get("/assets/{asset_id}/content")
async def get_asset_content(
    asset_id: AssetId, request: Request, principal: ReadsAssets
) -> StreamingResponse:
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        asset = (await repository.list_assets(session, principal.brand_id, [asset_id]))[0]
    found = await request.state.store.get_async(asset.path)

    async def chunks() -> AsyncIterator[bytes]:
        async for chunk in found.stream():
            yield bytes(chunk)

    return StreamingResponse(
        chunks(),
        media_type=asset.media_type,
        headers={
            "content-length": str(asset.bytes),
            "content-security-policy": "sandbox",
            "x-content-type-options": "nosniff",
        },
    )


@reads.get("/templates", response_model=Page[TemplateOut])
async def list_templates(
    *,
    request: Request,
    principal: ReadsTemplates,
    cursor: CursorQuery,
    q: Annotated[str | None, Query(max_length=100)] = None,
    tag: str | None = None,
) -> Response:
    """`q` is a part of the name, title or body."""
    conditions = Conditions("t", principal.brand_id)
    if q is not None:
        pattern = "%" + q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        conditions.add("(t.name || ' ' || t.title || ' ' || t.body) ilike ?", pattern)
    conditions.add_given("? = any(t.tags)", tag)
    return json_response(
        await read_page(
            request.state.reads, views.SELECT_TEMPLATE, conditions, cursor, views.template
        )
    )


@reads.post("/templates/by-ids", response_model=Batch[TemplateOut])
async def get_templates(request: Request, principal: ReadsTemplates, body: ByIds) -> Response:
    return json_response(
        await read_by_ids(
            request.state.reads,
            views.SELECT_TEMPLATE,
            Conditions("t", principal.brand_id),
            "tmpl",
            body.uuids("tmpl"),
            views.template,
        )
    )


@commands.post("/templates", status_code=201, response_model=TemplateOut)
async def add_template(
    body: TemplateIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("template.add"))],
) -> Template:
    return await use_cases.add_template(
        session,
        principal.brand_id,
        **body.model_dump(exclude={"slots"}),
        slots=[slot.model_dump(mode="json") for slot in body.slots],
        actor=principal.actor,
    )


@reads.get("/content-policy", response_model=ContentPolicyOut)
async def get_content_policy(
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("content_policy.read"))],
) -> ContentPolicyOut:
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        row = await session.get(ContentPolicy, principal.brand_id)
    if row is None:
        return ContentPolicyOut(updated_at=None)
    return ContentPolicyOut.model_validate(row, from_attributes=True)


@commands.put("/content-policy", response_model=ContentPolicyOut)
async def set_content_policy(
    body: ContentPolicyIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("content_policy.set"))],
) -> ContentPolicyOut:
    """New drafts are measured by it, and what is scheduled is measured again."""
    policy = await use_cases.set_content_policy(
        session, principal.brand_id, **body.model_dump(), actor=principal.actor
    )
    return ContentPolicyOut.model_validate(policy, from_attributes=True)


@reads.post("/compliance/check", response_model=CheckOut)
async def check_compliance(
    request: Request,
    body: CheckIn,
    principal: Annotated[Principal, Depends(MATRIX.allow("compliance.check"))],
) -> CheckOut:
    """Measure a text as a draft would be; nothing is stored."""
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        policy = await repository.get_policy(session, principal.brand_id)
    if body.industry is not None:
        policy = Policy(
            industry=body.industry,
            never_words=policy.never_words,
            competitor_words=policy.competitor_words,
            evidence=policy.evidence,
        )
    checked = check_text(policy, body.platform, body.title, body.text)
    return CheckOut(
        verdict=checked.verdict,
        findings=[FindingOut(**finding) for finding in checked.findings],
        pack_version=checked.pack_version,
    )
