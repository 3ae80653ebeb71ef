"""Refusals that callers of lead_svc can act on."""

from shared.errors import Conflict, Invalid, NotFound


class LeadNotFound(NotFound):
    code = "lead_not_found"


class ContactNotFound(NotFound):
    code = "contact_not_found"


class DealNotFound(NotFound):
    code = "deal_not_found"


class LeadUnreadable(Invalid):
    """The fields do not make a lead; the message names the one at fault."""

    code = "lead_unreadable"


class LeadVoidedAlready(Conflict):
    code = "lead_voided"


class LeadTaken(Conflict):
    """Another seller owns the lead."""

    code = "lead_taken"


class LeadNotOwned(Conflict):
    """No seller has accepted the lead, so there is nobody to credit."""

    code = "lead_not_owned"


class OfferExpired(Conflict):
    code = "offer_expired"


class OfferClosed(Conflict):
    """The offer was answered otherwise, or taken back."""

    code = "offer_closed"


class StageOutOfOrder(Invalid):
    code = "stage_out_of_order"


class ContactErasedAlready(Conflict):
    code = "contact_erased"


class DealVoidedAlready(Conflict):
    code = "deal_voided"


class StaffNotNamed(Invalid):
    code = "staff_not_named"
