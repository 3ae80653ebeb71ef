"""WeCom server API: customers and contact ways, and tasks that every member has to confirm."""

from fastapi import APIRouter

from deploy.sandbox.platforms.wecom import customers, groups, tasks
from deploy.sandbox.platforms.wecom.corp import Refusal, refuse

router = APIRouter(prefix="/cgi-bin", tags=["wecom"])
router.include_router(customers.router)
router.include_router(groups.router)
router.include_router(tasks.router)

__all__ = ["Refusal", "refuse", "router"]
