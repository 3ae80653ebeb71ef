"""Who may do what in content_svc."""

from shared.access import AccessMatrix, Role

_HEAD_OFFICE = frozenset({Role.BRAND_ADMIN})
_MANAGERS = _HEAD_OFFICE | {Role.REGION_MANAGER, Role.STORE_MANAGER}
_SELLERS = _MANAGERS | {Role.KOS}
_READERS = frozenset(Role) - {Role.PLATFORM_ADMIN}
_REVIEWERS = _HEAD_OFFICE | {Role.COMPLIANCE}
_OPERATORS = _HEAD_OFFICE | {Role.PLATFORM_ADMIN}

MATRIX = AccessMatrix(
    {
        "asset.read": _READERS,
        "asset.add": _HEAD_OFFICE,
        "template.read": _READERS,
        "template.add": _HEAD_OFFICE,
        "content_policy.read": _READERS,
        "content_policy.set": _REVIEWERS,
        "compliance.check": _READERS,
        "campaign.read": _READERS,
        "campaign.create": _HEAD_OFFICE,
        "campaign.launch": _HEAD_OFFICE,
        "campaign.pause": _HEAD_OFFICE,
        "campaign.resume": _HEAD_OFFICE,
        "campaign.stop": _REVIEWERS,
        "draft.read": _READERS,
        "draft.write": _SELLERS,
        "draft.revise": _SELLERS,
        "draft.approve": _REVIEWERS,
        "draft.schedule": _SELLERS,
        "post.read": _READERS,
        "post.confirm_handoff": _SELLERS,
        "post.withdraw": _SELLERS | {Role.COMPLIANCE},
        "post.measure": _HEAD_OFFICE | {Role.SCRM},
        "authorization.read": _OPERATORS,
        "authorization.grant": _OPERATORS,
        "what_converts.read": _READERS,
        "parked.read": _OPERATORS,
        "parked.replay": _OPERATORS,
        "parked.discard": _OPERATORS,
        "audit.read": _OPERATORS | {Role.COMPLIANCE},
    }
)
