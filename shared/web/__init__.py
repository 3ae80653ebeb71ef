"""The HTTP edge that the services share: errors, request ids, metrics, commands."""

from shared.web.app import create_app
from shared.web.bodies import BodyRoute
from shared.web.commands import CommandRoute, Transaction
from shared.web.operations import OPERATIONS_ACCESS, operations_router
from shared.web.pages import Batch, ByIds, CursorQuery, Page, PageInfo, encode_cursor, json_response
from shared.web.problems import PROBLEM_RESPONSES, problem_response
from shared.web.reads import ReadRoute

__all__ = [
    "OPERATIONS_ACCESS",
    "PROBLEM_RESPONSES",
    "Batch",
    "BodyRoute",
    "ByIds",
    "CommandRoute",
    "CursorQuery",
    "Page",
    "PageInfo",
    "ReadRoute",
    "Transaction",
    "create_app",
    "encode_cursor",
    "json_response",
    "operations_router",
    "problem_response",
]
