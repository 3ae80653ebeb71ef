"""Refusals that callers of lead_svc can act on."""

from shared.errors import Conflict, Forbidden, Invalid, NotFound


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


class TransferNotFound(NotFound):
    code = "transfer_not_found"


class TransferOpenAlready(Conflict):
    code = "transfer_open"


class TransferClosed(Conflict):
    """The transfer is done or was dropped."""

    code = "transfer_closed"


class TransferStepOutOfOrder(Conflict):
    """A step would be skipped or taken back; the message names the one that comes next."""

    code = "transfer_step_out_of_order"


class ContactNotOwned(Conflict):
    """No seller owns the contact, so there is nobody's private account to move it to."""

    code = "contact_not_owned"


class NotTheOwner(Forbidden):
    """The contact is another seller's."""

    code = "not_the_owner"


class AccountNotOfOwner(Invalid):
    code = "account_not_of_owner"


class AccountClosed(Conflict):
    code = "account_closed"


class PairNotChecked(Conflict):
    """Nobody has compared the seller's public and private account as they are now."""

    code = "pair_not_checked"


class PairFailed(Conflict):
    """The seller's two accounts are not one persona; the message names the fields that differ."""

    code = "pair_failed"


class ConsentNotPlausible(Invalid):
    code = "consent_not_plausible"


class DueOutOfRange(Invalid):
    code = "due_out_of_range"


class CommunityNotFound(NotFound):
    code = "community_not_found"


class CommunityRegisteredAlready(Conflict):
    """The brand has a community with this id on this platform, open or closed."""

    code = "community_registered"


class CommunityIsClosed(Conflict):
    code = "community_closed"


class ActivityNotFound(NotFound):
    code = "activity_not_found"


class ActivityVoidedAlready(Conflict):
    code = "activity_voided"


class CauseDiffers(Conflict):
    """The cause has an activity in the community already, and this one is not the same fact."""

    code = "cause_differs"


class TimeNotPlausible(Invalid):
    code = "time_not_plausible"


class UnitNotKnown(Invalid):
    code = "unit_not_known"


class AccountNotKnown(Invalid):
    code = "account_not_known"


class AccountElsewhere(Invalid):
    """The account is on another platform than the community."""

    code = "account_elsewhere"


class StaffNotKnown(Invalid):
    code = "staff_not_known"


class StaffNotOfCommunity(Invalid):
    """Neither host nor deputy, nor of the community's unit or below."""

    code = "staff_not_of_community"


class StaffDeparted(Conflict):
    code = "staff_departed"


class HostIsDeputy(Invalid):
    code = "host_is_deputy"
