"""The roles that the public meets (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info
from gateway.rows import Kind, resource
from gateway.schema.commands import Command, run
from gateway.schema.fields import verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.values import PersonaKind
from gateway.upstream import Service


@resource
class Persona(Node):
    kind: PersonaKind
    name: str
    bio: str | None
    tone: str | None
    taboo_words: list[str]
    interests: list[str]
    name_pattern: str | None = strawberry.field(
        description="What its accounts are called: `{persona}`, `{store}`, `{city}` are filled in."
    )
    picture_hash: str | None


PERSONAS = Kind("persona", Persona, Service.ACCOUNT, "/personas")

PersonaResult: TypeAlias = Annotated[Persona | Refusal, strawberry.union("PersonaResult")]


@strawberry.input
class AddPersonaInput(Command):
    kind: PersonaKind
    name: str
    bio: str | None = None
    tone: str | None = None
    taboo_words: list[str] | None = None
    interests: list[str] | None = None
    name_pattern: str | None = None
    picture_hash: str | None = None


@strawberry.type
class PersonasQuery:
    @strawberry.field
    async def personas(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection[Persona] | None:
        return await connection(info, PERSONAS, first, after)


@strawberry.type
class PersonasMutation:
    @verb()
    async def add_persona(self, info: Info, input: AddPersonaInput) -> PersonaResult:
        return await run(info, PERSONAS, input)
