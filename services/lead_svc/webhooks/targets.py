"""Where webhooks may go: public https only, the checked address is the one connected to.

A subscriber chooses the URL, so it must not reach our own network (SSRF): the name is resolved
once, every address is checked, the connection goes to a checked one while TLS keeps the name.
"""

import asyncio
import re
import socket
import ssl
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from lead_svc.webhooks.errors import TargetRefused

_CONNECT_SECONDS = 3
_HTTPS = 443
_LONGEST_URL = 2000
_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_TOP = rf"(?!0x[0-9a-f]*\.?\Z)(?=[^.]*[a-z]){_LABEL}"
_NAME = re.compile(rf"(?=.{{1,254}}\Z)({_LABEL}\.)+{_TOP}\.?", re.IGNORECASE)
"""A host name of more than one label, maybe with a dot at the end. One that ends in a number is
read as an address by some resolvers (`0x7f.1`)."""

# Ranges that some Pythons call global (IANA special-purpose registries).
_NEVER = tuple(
    ip_network(network)
    for network in (
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/23",
        "::/96",
        "fec0::/10",
        "5f00::/16",
        "3fff::/20",
        "192.0.0.0/24",
        "192.88.99.0/24",
    )
)


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """What the installation admits. `allow_private` is for the development stack only."""

    allow_private: bool = False
    ca_file: Path | None = None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is one that the internet routes to somebody else's machine."""
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        return is_public(mapped)
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address.version == network.version and address in network for network in _NEVER)


def check_url(url: str, policy: TargetPolicy) -> None:
    """Refuse a URL that can never be a target; raises TargetRefused with the reason."""
    if len(url) > _LONGEST_URL:
        raise TargetRefused(f"longer than {_LONGEST_URL} characters", field="/url")
    try:
        parts = urlsplit(url)
        port = parts.port
        # as it is sent: ASCII, also of a name that is written otherwise
        read = httpx.URL(url)
        host = read.raw_host.decode()
        read.host  # noqa: B018 - raises for an ASCII name that stands for no other
    except (ValueError, httpx.InvalidURL) as error:
        raise TargetRefused("not a URL", field="/url") from error
    if parts.hostname is None or parts.username is not None or parts.password is not None:
        raise TargetRefused("must name a host and carry no credentials", field="/url")
    if parts.fragment:
        raise TargetRefused("must have no fragment", field="/url")
    literal = _literal(host)
    local = policy.allow_private and (
        host == "localhost" or (literal is not None and literal.is_loopback)
    )
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise TargetRefused("must be https", field="/url")
    if port not in (None, _HTTPS) and not policy.allow_private:
        raise TargetRefused("must use port 443", field="/url")
    if literal is not None and not local and not is_public(literal):
        raise TargetRefused("must be a public address", field="/url")
    if literal is None and not _NAME.fullmatch(host) and not local:
        raise TargetRefused("must be a public host name", field="/url")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


class PinnedTransport(httpx.AsyncBaseTransport):
    """Resolves once, checks every address, connects to a checked one.

    No keep-alive: the pool is keyed by address, so two names on one address would share a session.
    """

    def __init__(self, policy: TargetPolicy) -> None:
        self._policy = policy
        context = ssl.create_default_context()
        if policy.ca_file is not None:
            context.load_verify_locations(policy.ca_file)
        self._inner = httpx.AsyncHTTPTransport(
            verify=context, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        check_url(str(request.url), self._policy)
        host = request.url.host
        addresses = await resolve(host)
        if not addresses or not all(self._admits(address) for address in addresses):
            raise TargetRefused("the host does not resolve to public addresses", field="/url")
        # The Host header is already set; TLS verifies the name although we connect by address.
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=str(addresses[0]))
        return await self._inner.handle_async_request(request)

    def _admits(self, address: IPv4Address | IPv6Address) -> bool:
        return is_public(address) or (self._policy.allow_private and address.is_loopback)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def resolve(host: str) -> list[IPv4Address | IPv6Address]:
    """All addresses of a host name, without repeats, in the resolver's order."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return []
    return list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


def create_client(policy: TargetPolicy) -> httpx.AsyncClient:
    """The HTTP client for webhooks: pinned, no redirects, no proxy variables."""
    return httpx.AsyncClient(
        transport=PinnedTransport(policy),
        follow_redirects=False,
        trust_env=False,
        timeout=httpx.Timeout(15, connect=_CONNECT_SECONDS),
        headers={"User-Agent": "KOS-Webhooks/1"},
    )
