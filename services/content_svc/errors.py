"""Expected refusals of content_svc."""

from shared.errors import Conflict, Invalid, NotFound, Overloaded


class AssetNotFound(NotFound):
    code = "asset_not_found"


class AssetTooLarge(Invalid):
    status = 413
    code = "too_large"


class TemplateNotFound(NotFound):
    code = "template_not_found"


class CampaignNotFound(NotFound):
    code = "campaign_not_found"


class CampaignCodeTaken(Conflict):
    code = "campaign_code_taken"


class CampaignNotInState(Conflict):
    code = "campaign_not_in_state"


class NobodyTargeted(Invalid):
    """No account that may publish fits the target."""

    code = "nobody_targeted"


class DraftNotFound(NotFound):
    code = "draft_not_found"


class DraftNotInState(Conflict):
    code = "draft_not_in_state"


class ModeForbids(Conflict):
    """The campaign's mode does not allow it; the message names the clause."""

    code = "mode_forbids"


class AccountNotFound(NotFound):
    code = "account_not_found"


class AccountMayNotPublish(Conflict):
    code = "account_may_not_publish"


class PostNotFound(NotFound):
    code = "post_not_found"


class PostNotInState(Conflict):
    code = "post_not_in_state"


class AlreadyScheduled(Conflict):
    code = "already_scheduled"


class LinkNotProof(Invalid):
    """The link does not show this post on this account; the message says what is wrong."""

    code = "link_not_proof"


class LinkTaken(Conflict):
    """The link already proves another post."""

    code = "link_taken"


class LinkUnreachable(Overloaded):
    """The platform's page cannot be read now; ask again."""

    code = "link_unreachable"


class SlotMissing(Invalid):
    """A required slot has no value; `field` names it."""

    code = "slot_missing"


class TemplateMalformed(Invalid):
    code = "template_malformed"
