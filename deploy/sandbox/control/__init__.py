"""The control API; its contract is README.md in the folder above."""

from fastapi import APIRouter

from deploy.sandbox.control import accounts, clock, faults, hooks, population, posts

router = APIRouter(prefix="/sandbox", tags=["control"])
for part in (clock, accounts, posts, hooks, faults, population):
    router.include_router(part.router)
