"""Connections of the product that hooks are sent to, with the secrets both sides know."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from deploy.sandbox.world import World


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WecomConnection(_Settings):
    corp_id: str
    token: str
    encoding_aes_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{43}$")]
    receive_id: str = ""
    agent_id: str = "1000002"
    format: Literal["xml", "json"] = "xml"


class CardFields(_Settings):
    """Names of the fields inside a lead card: the platform does not document them."""

    name: str = "name"
    telephone: str = "telephone"
    city: str = "city"


class DouyinConnection(_Settings):
    client_key: str
    client_secret: str
    card_fields: CardFields = CardFields()


class OceanEngineConnection(_Settings):
    app_secret: str
    advertiser_ids: list[int] = Field(min_length=1)
    service_label: str = "sandbox.clue"


class KuaishouConnection(_Settings):
    app_id: str
    app_secret: str


class XiaohongshuConnection(_Settings):
    app_id: str
    key: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{32}$")]
    user_id: str


class GenericConnection(_Settings):
    secret: Annotated[str, StringConstraints(pattern=r"^whsec_[A-Za-z0-9+/]+=*$")]


SETTINGS: dict[str, type[_Settings]] = {
    "wecom": WecomConnection,
    "douyin": DouyinConnection,
    "oceanengine": OceanEngineConnection,
    "kuaishou": KuaishouConnection,
    "xiaohongshu": XiaohongshuConnection,
    "generic": GenericConnection,
}


class Connection(BaseModel):
    connection_id: str
    platform: str
    settings: Any
    lead_url: str | None = None

    def hook_url(self, world: World, path: str = "") -> str:
        base = (self.lead_url or world.settings.lead_url).rstrip("/")
        return f"{base}/hooks/{self.platform}/{self.connection_id}{path}"


def put_connection(
    world: World, connection_id: str, platform: str, settings: Any, lead_url: str | None
) -> None:
    """Raises pydantic.ValidationError and KeyError (a platform that sends no hooks)."""
    checked = SETTINGS[platform].model_validate(settings)
    with world.db:
        world.db.execute(
            "INSERT INTO connection VALUES (?, ?, ?, ?) ON CONFLICT (connection_id) DO UPDATE"
            " SET platform = excluded.platform, settings = excluded.settings,"
            " lead_url = excluded.lead_url",
            (connection_id, platform, checked.model_dump_json(), lead_url),
        )


def list_connections(world: World) -> list[Connection]:
    """With `settings` as the platform's class above, in the order of the ids."""
    return [
        Connection(
            connection_id=row["connection_id"],
            platform=row["platform"],
            settings=SETTINGS[row["platform"]].model_validate(json.loads(row["settings"])),
            lead_url=row["lead_url"],
        )
        for row in world.db.execute("SELECT * FROM connection ORDER BY connection_id")
    ]


def find_connection(world: World, connection_id: str) -> Connection | None:
    return next((c for c in list_connections(world) if c.connection_id == connection_id), None)
