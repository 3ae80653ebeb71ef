"""The library: assets and templates (content_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info
from gateway.rows import Kind, resource
from gateway.schema.commands import Command, run
from gateway.schema.content_values import AssetKind, SlotKind
from gateway.schema.fields import verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Day, Instant, Long
from gateway.upstream import Service
from shared.events.account import Platform


@resource
class Asset(Node):
    kind: AssetKind
    name: str
    media_type: str
    bytes: Long
    sha256: str
    tags: list[str]
    licensed_until: Day | None
    created_at: Instant


@strawberry.type
class Slot:
    name: str
    kind: SlotKind
    required: bool
    default: str | None
    choices: list[str] | None


@resource
class Template(Node):
    name: str
    platform: Platform | None
    stage: str | None
    tags: list[str]
    title: str
    body: str
    slots: list[Slot]
    version: int


ASSETS = Kind("asset", Asset, Service.CONTENT, "/assets")
TEMPLATES = Kind("tmpl", Template, Service.CONTENT, "/templates")

TemplateResult: TypeAlias = Annotated[Template | Refusal, strawberry.union("TemplateResult")]


@strawberry.input
class SlotInput:
    name: str
    kind: SlotKind
    required: bool = True
    default: str | None = None
    choices: list[str] = strawberry.field(default_factory=list)


@strawberry.input
class AddTemplateInput(Command):
    name: str
    platform: Platform | None = None
    stage: str | None = None
    tags: list[str] | None = None
    title: str = ""
    body: str
    slots: list[SlotInput] = strawberry.field(default_factory=list)


@strawberry.type
class LibraryQuery:
    @strawberry.field
    async def assets(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection[Asset] | None:
        return await connection(info, ASSETS, first, after)

    @strawberry.field
    async def templates(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        search: str | None = None,
        tag: str | None = None,
    ) -> Connection[Template] | None:
        return await connection(info, TEMPLATES, first, after, {"q": search, "tag": tag})


@strawberry.type
class LibraryMutation:
    @verb()
    async def add_template(self, info: Info, input: AddTemplateInput) -> TemplateResult:
        return await run(info, TEMPLATES, input)
