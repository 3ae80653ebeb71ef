"""The product's registrations at the platforms: what it may sign in with, and on which terms."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from deploy.sandbox.world import World


class _App(BaseModel):
    model_config = ConfigDict(extra="forbid")

    secret: str


class DouyinApp(_App):
    access_seconds: float = 15 * 86_400
    refresh_seconds: float = 30 * 86_400
    client_seconds: float = 7200


class WecomCorp(_App):
    token_seconds: float = 7200
    confirm_seconds: float = 2
    silent_members: list[str] = []
    customers_per_member: int = Field(default=3, ge=0, le=10_000)
    groups_per_member: int = Field(default=1, ge=0, le=2_000)
    closed_membership: bool = False
    refusing_customers: list[str] = []
    full_members: list[str] = []
    crowded_groups: list[str] = []


class OceanEngineApp(_App):
    advertiser_ids: list[int]
    access_seconds: float = 86_400
    refresh_seconds: float = 30 * 86_400


class FeiyuAccount(_App):
    advertiser_ids: list[int]


APPS: dict[str, type[_App]] = {
    "douyin": DouyinApp,
    "wecom": WecomCorp,
    "oceanengine": OceanEngineApp,
    "feiyu": FeiyuAccount,
}


def put_app(world: World, platform: str, app_id: str, settings: dict[str, Any]) -> None:
    """Raises pydantic.ValidationError and KeyError (a platform without apps)."""
    checked = APPS[platform].model_validate(settings)
    with world.db:
        world.db.execute(
            "INSERT INTO app VALUES (?, ?, ?) ON CONFLICT (platform, app_id)"
            " DO UPDATE SET settings = excluded.settings",
            (platform, app_id, checked.model_dump_json()),
        )


def find_app(world: World, platform: str, app_id: str) -> dict[str, Any] | None:
    """Settings of the app, with its `app_id`."""
    row = world.db.execute(
        "SELECT settings FROM app WHERE platform = ? AND app_id = ?", (platform, app_id)
    ).fetchone()
    if row is None:
        return None
    # an app that was made before a setting was has its default
    settings = APPS[platform].model_validate_json(row["settings"])
    return {"app_id": app_id, **settings.model_dump()}
