"""Douyin open platform: OAuth, publishing, figures, comments."""

from fastapi import APIRouter

from deploy.sandbox.platforms.douyin import items, oauth, videos
from deploy.sandbox.platforms.douyin.edge import Refusal, refuse

router = APIRouter(tags=["douyin"])
for part in (oauth, videos, items):
    router.include_router(part.router)

__all__ = ["Refusal", "refuse", "router"]
