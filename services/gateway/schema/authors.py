"""As whom posts were made (account_svc)."""

import strawberry

from gateway.rows import Batch
from gateway.schema.scalars import Instant
from gateway.schema.values import AuthorClass
from gateway.upstream import Service


@strawberry.type(description="As whom a post was made.")
class PostAuthor:
    post_id: strawberry.ID
    advocate_id: strawberry.ID | None = strawberry.field(
        description="Of an advocate's account; null for the brand's own."
    )
    class_at_publication: AuthorClass = strawberry.field(
        description="As it was known then; never rewritten."
    )
    class_by_history: AuthorClass = strawberry.field(
        description="As the author's history says now of that moment."
    )
    published_at: Instant


AUTHOR_BY_POST = Batch("post_id", PostAuthor, Service.ACCOUNT, "/post-authors/by-posts")
