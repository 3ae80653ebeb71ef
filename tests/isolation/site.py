"""The settings and keys of one installation, and the tokens of those who ask it."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from account_svc.settings import Settings as AccountSettings
from content_svc.settings import Settings as ContentSettings
from deploy.local.databases import SERVICES, Service, ServiceUrls
from deploy.local.process import find_free_port
from lead_svc.settings import Settings as LeadSettings
from shared.access import Principal
from shared.ids import typed
from shared.settings import Environment, read_key
from tests.wiring import wire

ISSUER, AUDIENCE = "https://issuer.test", "kos"

Urls = Mapping[Service, ServiceUrls]

_TOKEN_SECONDS = 60.0
"""How long one is sent again, which is less than it is valid."""


@dataclass(frozen=True)
class Site:
    """Settings and keys that the processes of one installation share."""

    account: AccountSettings
    content: ContentSettings
    lead: LeadSettings
    pages_port: int
    """Of the platform on which sellers publish by hand."""
    signing_key: RSAKey

    def of(self, service: Service) -> AccountSettings | ContentSettings | LeadSettings:
        found: AccountSettings | ContentSettings | LeadSettings = getattr(self, service)
        return found

    @property
    def secret(self) -> bytes:
        return read_key(self.account.service_secret_file)

    def token(self, principal: Principal) -> str:
        return person_token(principal, self.signing_key)


def person_token(principal: Principal, signing_key: RSAKey) -> str:
    """An access token of a person with these rights."""
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": principal.actor,
        "exp": int(time.time()) + 3600,
        "brand": typed("brand", principal.brand_id),
        "roles": sorted(principal.roles),
        "units": [typed("unit", unit_id) for unit_id in principal.unit_ids],
    }
    if principal.staff_id is not None:
        claims["staff"] = typed("staff", principal.staff_id)
    header = {"alg": "RS256", "typ": "at+jwt", "kid": "test"}
    return jwt.encode(header, claims, signing_key)


def make_site(urls: Urls, folder: Path) -> Site:
    pages_port = find_free_port()
    signing_key = RSAKey.generate_key(2048, {"kid": "test"})
    shared = wire(urls["account"], folder)
    jwks = KeySet([signing_key]).as_dict(private=False)
    Path(shared["oidc_jwks_file"]).write_text(json.dumps(jwks))
    settings = {service: {**shared, **_urls(urls[service])} for service in SERVICES}
    return Site(
        AccountSettings(**settings["account"]),
        ContentSettings(
            **settings["content"],
            asset_store_url=(folder / "assets").as_uri(),
            handoff_hosts={"xiaohongshu": [f"127.0.0.1:{pages_port}"]},
            platform_timeout_seconds=1.0,
        ),
        LeadSettings(
            **settings["lead"],
            environment=Environment.DEVELOPMENT,
            intake_database_url=urls["lead"].intake,
        ),
        pages_port,
        signing_key,
    )


def with_urls(site: Site, urls: Urls) -> Site:
    """The same installation whose api processes log in elsewhere."""
    return replace(
        site,
        account=site.account.model_copy(update={"database_url": urls["account"].app}),
        content=site.content.model_copy(update={"database_url": urls["content"].app}),
        lead=site.lead.model_copy(update={"database_url": urls["lead"].app}),
    )


def _urls(urls: ServiceUrls) -> dict[str, str]:
    return {
        "database_url": urls.app,
        "worker_database_url": urls.worker,
        "relay_database_url": urls.relay,
    }


@dataclass
class Tokens:
    """To sign one takes longer than many an answer: each is sent for a while, as callers do."""

    issue: Callable[[Principal], str]
    _kept: dict[Principal, tuple[str, float]] = field(default_factory=dict)

    def of(self, principal: Principal) -> str:
        token, until = self._kept.get(principal, ("", 0.0))
        if until < time.monotonic():
            token = self.issue(principal)
            self._kept[principal] = token, time.monotonic() + _TOKEN_SECONDS
        return token

    def forget(self) -> None:
        """The clock was set: those of another time are no good."""
        self._kept.clear()
