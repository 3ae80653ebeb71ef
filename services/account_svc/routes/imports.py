"""Imports over HTTP: the body is the file, read as it arrives."""

from email.message import Message
from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.errors import FileRefused, ImportNotFound
from account_svc.models import ImportKind
from account_svc.repository import imports as repository
from account_svc.schemas.imports import ImportOut, import_json
from account_svc.use_cases.imports import Importer
from account_svc.use_cases.imports.lines import ENCODINGS, UTF_8
from shared.access import Principal
from shared.clock import now
from shared.database import brand_read
from shared.idempotency import parse_key
from shared.ids import ImportId, uuid7
from shared.reading import batch_of, fetch_by_ids, fetch_page, page_of
from shared.web import Batch, ByIds, CursorQuery, Page, json_response

router = APIRouter(prefix="/imports", tags=["imports"])
ROUTERS = (router,)

_CSV = "text/csv"
_JSONL = ("application/jsonl", "application/x-ndjson")

MayRun = Annotated[Principal, Depends(MATRIX.allow("import.run"))]
MayRead = Annotated[Principal, Depends(MATRIX.allow("import.read"))]


@router.post("/by-ids", response_model=Batch[ImportOut])
async def get_imports(request: Request, principal: MayRead, body: ByIds) -> Response:
    """Without their problems."""
    ids = body.uuids("import")
    conditions = repository.all_runs(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_RUN, conditions, ids)
    return json_response(batch_of(rows, "import", ids, lambda row: import_json(row, [], now())))


@router.post(
    "/{kind}",
    status_code=201,
    response_model=ImportOut,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {media: {"schema": {"type": "string"}} for media in (_CSV, *_JSONL)},
        }
    },
)
async def run_import(
    kind: ImportKind,
    request: Request,
    principal: MayRun,
    id: ImportId | None = None,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Response:
    """Take a file in and answer with its report.

    CSV is UTF-8 unless the `Content-Type` says `charset=gbk`, `gb2312` or `gb18030`.
    Choose `id` to follow the progress by `GET /imports/{id}` meanwhile. An `Idempotency-Key` (or
    the same `id`) again gives the report of the finished run; one that was interrupted starts
    anew, and finds what it had done already unchanged.
    """
    media_type, encoding = _read_content_type(request)
    run_id = id or uuid7()
    if id is None and idempotency_key is not None:
        run_id = uuid5(principal.brand_id, f"{kind}/{parse_key(idempotency_key)}")
    importer = Importer(
        sessions=request.state.sessions,
        vault=request.state.vault,
        audit_key=request.state.audit_key,
        principal=principal,
        kind=kind,
        run_id=run_id,
    )
    await importer.run(request.stream(), is_csv=media_type == _CSV, encoding=encoding)
    response = json_response(await _report(request, principal, run_id))
    response.status_code = 201
    return response


@router.get("/{import_id}", response_model=ImportOut)
async def get_import(request: Request, principal: MayRead, import_id: ImportId) -> Response:
    return json_response(await _report(request, principal, import_id))


@router.get("", response_model=Page[ImportOut])
async def list_imports(request: Request, principal: MayRead, cursor: CursorQuery) -> Response:
    """The latest first, without their problems."""
    conditions = repository.all_runs(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_RUN, conditions, cursor)
    return json_response(page_of(rows, has_next, lambda row: import_json(row, [], now())))


def _read_content_type(request: Request) -> tuple[str, str]:
    """The media type of the file and the encoding of its text, UTF-8 where nothing else is said."""
    header = Message()
    header["Content-Type"] = request.headers.get("content-type", "")
    media_type = header.get_content_type()
    if media_type != _CSV and media_type not in _JSONL:
        raise FileRefused(f"send {_CSV} or {_JSONL[0]}", field="/Content-Type")
    # JSON has one encoding (RFC 8259, 8.1)
    known = ENCODINGS if media_type == _CSV else {UTF_8: UTF_8}
    charset = header.get_content_charset(UTF_8)
    if charset not in known:
        names = ", ".join(known)
        raise FileRefused(f"the charset is none of {names}", field="/Content-Type")
    return media_type, known[charset]


async def _report(request: Request, principal: Principal, run_id: UUID) -> dict[str, Any]:
    conditions = repository.all_runs(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_RUN, conditions, [run_id])
        if not rows:
            raise ImportNotFound("no such import")
        problems = await repository.fetch_problems(connection, principal.brand_id, run_id)
    return import_json(rows[0], problems, now())
