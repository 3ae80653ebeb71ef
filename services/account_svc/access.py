"""Who may do what in account_svc."""

from shared.access import AccessMatrix, Role
from shared.web import OPERATIONS_ACCESS

_HEAD_OFFICE = frozenset({Role.BRAND_ADMIN})
_MANAGERS = frozenset({Role.BRAND_ADMIN, Role.REGION_MANAGER, Role.STORE_MANAGER})
_REGIONS = frozenset({Role.BRAND_ADMIN, Role.REGION_MANAGER})
_PLANNERS = _MANAGERS | {Role.ANALYST, Role.COMPLIANCE}
_EVERYONE = frozenset(Role)
_PLATFORM = frozenset({Role.PLATFORM_ADMIN})

MATRIX = AccessMatrix(
    {
        "brand.create": _PLATFORM,
        "brand.read": _EVERYONE,
        "unit.read": _EVERYONE,
        "unit.add": _REGIONS,
        "unit.move": _REGIONS,
        "staff.read": _EVERYONE,
        "staff.add": _MANAGERS,
        "staff.mark_absent": _MANAGERS,
        "staff.return": _MANAGERS,
        "staff.depart": _MANAGERS,
        "staff.transfer": _REGIONS,
        "account.read": _EVERYONE,
        "account.register": _MANAGERS,
        "account.submit": _MANAGERS,
        "account.activate": _MANAGERS,
        "account.restrict": _MANAGERS | {Role.COMPLIANCE},
        "account.suspend": _MANAGERS | {Role.COMPLIANCE},
        "account.hand_over": _MANAGERS,
        "account.retire": _MANAGERS,
        "account.pair": _MANAGERS,
        "account.note_platform_status": _MANAGERS,
        "account.observe": _MANAGERS | {Role.COMPLIANCE, Role.KOS},
        "persona.read": _EVERYONE,
        "persona.add": _HEAD_OFFICE,
        "import.run": _HEAD_OFFICE,
        "import.read": _HEAD_OFFICE,
        "rule.read": _EVERYONE,
        "rule.set": _HEAD_OFFICE,
        "fit.read": _PLANNERS,
        "layout.read": _PLANNERS,
        "layout.set": _HEAD_OFFICE,
        "off_roster.read": _PLANNERS,
        "off_roster.report": _MANAGERS | {Role.COMPLIANCE},
        "off_roster.adopt": _MANAGERS,
        "off_roster.reject": _MANAGERS | {Role.COMPLIANCE},
        "policy.read": _EVERYONE,
        "policy.set": _HEAD_OFFICE,
        "ledger.read": _EVERYONE,
        "ledger.balance": _HEAD_OFFICE | {Role.ANALYST},
        "goal.read": _EVERYONE,
        "goal.set": _MANAGERS,
        "suspicion.read": _PLANNERS,
        "entry.review": _REGIONS | {Role.COMPLIANCE},
        "entry.appeal": _MANAGERS | {Role.KOS},
        "review.read": _EVERYONE,
        "appeal.read": _EVERYONE,
        "appeal.decide": _REGIONS | {Role.COMPLIANCE},
        "race.read": _EVERYONE,
        "race_policy.set": _HEAD_OFFICE,
        "course.read": _EVERYONE,
        "course.add": _HEAD_OFFICE,
        "course.revise": _HEAD_OFFICE,
        "exam.take": _HEAD_OFFICE | {Role.KOS},
        "exam.reopen": _MANAGERS,
        "exam.read": _EVERYONE,
        "certificate.read": _EVERYONE,
        "right.read": _EVERYONE,
        "right.require": _HEAD_OFFICE,
        "skill.read": _EVERYONE,
        "skill.assess": _MANAGERS,
        "skill.read_wanted": _EVERYONE,
        "skill.want": _HEAD_OFFICE,
        "api_key.read": _HEAD_OFFICE,
        "api_key.create": _HEAD_OFFICE,
        "api_key.revoke": _HEAD_OFFICE,
        "api_key.verify": _PLATFORM,
        **OPERATIONS_ACCESS,
    }
)
