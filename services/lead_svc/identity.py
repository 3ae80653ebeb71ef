"""What names a person: the normal forms that blind indexes are made of."""

import re
import unicodedata
from typing import Literal

import phonenumbers

from lead_svc.hooks import LeadForm

IdentityKind = Literal[
    "phone", "wechat", "email", "unionid", "openid", "external_userid", "platform_user_id"
]


def normal_phone(text: str) -> str | None:
    """E.164, Chinese unless it says otherwise; None when it cannot be a telephone number."""
    try:
        number = phonenumbers.parse(unicodedata.normalize("NFKC", text), "CN")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normal_name(text: str) -> str | None:
    """Case and spelling folded, for WeChat ids and e-mail addresses; None when nothing is left."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).casefold() or None


def identities(form: LeadForm, platform: str) -> list[tuple[IdentityKind, str]]:
    """Every (kind, normal value) of the form, sorted, so that writers never cross.

    Ids that a platform issues are only unique there, so they carry its name.
    """
    found: dict[IdentityKind, str | None] = {
        "phone": normal_phone(form.phone) if form.phone else None,
        "wechat": normal_name(form.wechat) if form.wechat else None,
        "email": normal_name(form.email) if form.email and "@" in form.email else None,
        "unionid": form.unionid,
        "openid": f"{platform}:{form.openid}" if form.openid else None,
        "external_userid": form.external_userid,
        "platform_user_id": (
            f"{platform}:{form.platform_user_id}" if form.platform_user_id else None
        ),
    }
    return sorted((kind, value) for kind, value in found.items() if value)
