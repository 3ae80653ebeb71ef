"""Refusals of the intake's own endpoints."""

from shared.errors import Conflict, NotFound


class ConnectionNotFound(NotFound):
    code = "connection_not_found"


class ReceiptNotFound(NotFound):
    code = "receipt_not_found"


class ReceiptNotQuarantined(Conflict):
    """Its content was taken in already."""

    code = "receipt_not_quarantined"


class ReceiptErased(Conflict):
    """The key that opened the receipt is destroyed."""

    code = "receipt_erased"
