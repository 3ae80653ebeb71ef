"""Who may do what in lead_svc."""

from shared.access import AccessMatrix, Role
from shared.web import OPERATIONS_ACCESS

_HEAD_OFFICE = frozenset({Role.BRAND_ADMIN})
_MANAGERS = _HEAD_OFFICE | {Role.REGION_MANAGER, Role.STORE_MANAGER}
_SELLERS = _MANAGERS | {Role.KOS}
_WRITE_BACK = _SELLERS | {Role.SCRM}
_READERS = frozenset(Role) - {Role.PLATFORM_ADMIN}

MATRIX = AccessMatrix(
    {
        **OPERATIONS_ACCESS,
        "lead.read": _READERS,
        "lead.capture": _WRITE_BACK,
        "lead.accept": _SELLERS,
        "lead.decline": _SELLERS,
        "lead.void": _MANAGERS | {Role.SCRM},
        "offer.read": _READERS,
        "decision.read": _READERS,
        "contact.read": _READERS,
        "contact.find": _WRITE_BACK,
        "contact.move_stage": _WRITE_BACK,
        "contact.erase": _HEAD_OFFICE | {Role.COMPLIANCE},
        "deal.read": _READERS,
        "deal.win": _WRITE_BACK,
        "deal.void": _MANAGERS | {Role.SCRM},
        "transfer.read": _READERS,
        "transfer.open": _SELLERS,
        "transfer.complete_stage": _SELLERS,
        "transfer.open_second_stage": _SELLERS,
        "transfer.drop": _SELLERS,
        "community.read": _READERS,
        "community.register": _MANAGERS,
        "community.change": _MANAGERS,
        "community.close": _MANAGERS,
        "community_activity.read": _READERS,
        "community_activity.record": _WRITE_BACK,
        "community_activity.void": _MANAGERS | {Role.SCRM},
        "routing_policy.read": _READERS,
        "routing_policy.set": _HEAD_OFFICE,
        "funnel.read": _READERS,
        "connection.read": _HEAD_OFFICE,
        "connection.add": _HEAD_OFFICE,
        "connection.rotate_secrets": _HEAD_OFFICE,
        "connection.change_settings": _HEAD_OFFICE,
        "connection.disable": _HEAD_OFFICE,
        "receipt.read": _HEAD_OFFICE | {Role.COMPLIANCE},
        "receipt.replay": _HEAD_OFFICE,
        "webhook.read": _HEAD_OFFICE | {Role.SCRM},
        "webhook.add": _HEAD_OFFICE | {Role.SCRM},
        "webhook.rotate_secret": _HEAD_OFFICE | {Role.SCRM},
        "webhook.enable": _HEAD_OFFICE | {Role.SCRM},
        "webhook.disable": _HEAD_OFFICE | {Role.SCRM},
        "webhook.replay": _HEAD_OFFICE | {Role.SCRM},
    }
)
