"""What a caller may see of a person: in clear, or masked."""

from collections.abc import Mapping
from typing import Any

from shared.access import Principal
from shared.sealing import Vault, unseal

SEALED_FIELDS = ("name", "phone", "wechat", "email")


def clear_or_masked(vault: Vault, principal: Principal, row: Mapping[str, Any]) -> dict[str, Any]:
    """A contact row with its sealed fields opened for this caller; telephone numbers as E.164.

    `wrapped` and `kek_version` of the row are the person's data key; without it they are gone.
    """
    shown = {name: value for name, value in row.items() if name not in ("wrapped", "kek_version")}
    shown.update(dict.fromkeys(SEALED_FIELDS))
    if row["wrapped"] is None:
        return shown
    brand_id, contact_id = principal.brand_id, row["id"]
    data_key = vault.unwrap(row["wrapped"], row["kek_version"], brand_id, contact_id)
    for field in SEALED_FIELDS:
        if row[field] is not None:
            value = unseal(data_key, row[field], brand_id, contact_id, field).decode()
            shown[field] = value if principal.sees_personal_data else MASKS[field](value)
    return shown


def mask_name(name: str) -> str:
    """陈小明 -> 陈*"""
    return f"{name[0]}*"


def mask_phone(phone: str) -> str:
    """+8613812348000 -> 138****8000; of a short number nothing is shown."""
    local = phone.removeprefix("+86")
    return f"{local[:3]}****{local[-4:]}" if len(local) >= 10 else "****"


def mask_id(text: str) -> str:
    """chen_xm -> c***, chen@example.com -> c***@example.com"""
    local, at, host = text.partition("@")
    return f"{local[:1]}***{at}{host}"


MASKS = {"name": mask_name, "phone": mask_phone, "wechat": mask_id, "email": mask_id}
