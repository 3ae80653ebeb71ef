"""Webhook targets that must never be reached: every spelling, every answer of a resolver.

A listener stands on loopback at the port that these tests let pass for 443 and counts connections.
Nothing here leaves the machine: what would go to a public address is recorded instead.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address
from typing import Any

import httpx
import pytest

from lead_svc.webhooks import targets
from lead_svc.webhooks.errors import TargetRefused
from lead_svc.webhooks.targets import PinnedTransport, TargetPolicy, check_url, create_client

PUBLIC_ONLY = TargetPolicy()

OURS = (
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.0.1",
    "0.0.0.0",
    "255.255.255.255",
)


def spellings(address: str) -> Iterator[str]:
    """Ways in which some parser or resolver reads an IPv4 address."""
    whole = int(IPv4Address(address))
    a, b, c, d = address.split(".")
    yield address
    yield f"{address}."
    yield str(whole)
    yield hex(whole)
    yield f"0{whole:o}"
    yield f"0x{int(a):x}.0x{int(b):x}.0x{int(c):x}.0x{int(d):x}"
    yield f"0{int(a):o}.0{int(b):o}.0{int(c):o}.0{int(d):o}"
    yield f"{a}.{(int(b) << 16) + (int(c) << 8) + int(d)}"
    yield f"{a}.{b}.{(int(c) << 8) + int(d)}"
    yield f"0x{int(a):x}.{b}.0{int(c):o}.{d}"
    yield f"[::ffff:{address}]"
    yield f"[::{address}]"
    yield f"[64:ff9b::{address}]"
    yield f"[::ffff:0:{address}]"
    yield f"[2002:{whole >> 16:x}:{whole & 0xFFFF:x}::1]"


SPELLED = [(address, text) for address in OURS for text in spellings(address)]

IPV6 = (
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::1%25lo]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[ff0e::1]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[100::1]",
    "[2001::1]",
    "[2001:db8::1]",
    "[2001:10::1]",
    "[2001:20::1]",
    "[3fff::1]",
    "[5f00::1]",
)

URLS = (
    "http://scrm.example.com/",
    "HTTP://scrm.example.com/",
    "ftp://scrm.example.com/",
    "file:///etc/passwd",
    "gopher://scrm.example.com/_x",
    "ws://scrm.example.com/",
    "wss://scrm.example.com/",
    "unix:///run/postgres.sock",
    "data:text/plain,x",
    "javascript:alert(1)",
    "//scrm.example.com/",
    "scrm.example.com",
    "https:scrm.example.com",
    "https:/scrm.example.com",
    "https:///127.0.0.1/",
    "https://",
    "https://@/",
    "https://:443/",
    "https://user@scrm.example.com/",
    "https://user:secret@scrm.example.com/",
    "https://scrm.example.com:secret@127.0.0.1/",
    "https://scrm.example.com@127.0.0.1/",
    "https://scrm.example.com%2f@127.0.0.1/",
    "https://scrm.example.com\\@127.0.0.1/",
    "https://127.0.0.1\\@scrm.example.com/",
    "https://scrm.example.com:80/",
    "https://scrm.example.com:22/",
    "https://scrm.example.com:8443/",
    "https://scrm.example.com:65536/",
    "https://scrm.example.com:-1/",
    "https://scrm.example.com:4 43/",
    "https://scrm.example.com/#fragment",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://intranet/",
    "https://kubernetes/",
    "https://127.0.0.1\t/",
    "https://127.0.0.1\n.example.com/",
    "https://127.0.0.1\x00.example.com/",
    "https://１２７.0.0.1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://127．0．0．1/",
    "https://[::1/",
    "https://[127.0.0.1]/",
    "https://[localhost]/",
    "https://scrm example.com/",
    f"https://{'a' * 2000}.com/",
)
"""Never a target, whatever a resolver would say."""

NOT_NAMES = (
    "xn--localhost.example",
    "xn--.example.com",
    "a%00b.example.com",
    "ex%61mple.com",
    "-.example.com",
    "a..example.com",
    ".example.com",
    "example.123",
    "example.0x7f",
    f"{'a' * 64}.example.com",
    f"{'a.' * 130}com",
)
NAMES = (
    "localhost.",
    "localhost.localdomain",
    "127.0.0.1.",
    "ip6-localhost.example.com",
    "metadata.google.internal",
    "db.svc.cluster.local",
    "127.0.0.1.nip.example",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ.example",
    "under_score.example.com",
)
"""Names whose form is let through: what they resolve to decides."""

GOOD, OTHER_GOOD = "93.184.215.14", "2606:4700:4700::1111"
ANSWERS: dict[str, list[str]] = {
    "loopback": ["127.0.0.1"],
    "loopback of IPv6": ["::1"],
    "any address": ["0.0.0.0"],
    "link-local": ["169.254.169.254"],
    "private": ["10.1.2.3"],
    "shared space": ["100.64.1.1"],
    "mapped": ["::ffff:127.0.0.1"],
    "mapped private": ["::ffff:10.0.0.1"],
    "compatible": ["::7f00:1"],
    "translated by NAT64": ["64:ff9b::7f00:1"],
    "local NAT64": ["64:ff9b:1::7f00:1"],
    "6to4 of loopback": ["2002:7f00:1::1"],
    "Teredo": ["2001:0:7f00:1::1"],
    "unique local": ["fd00::1"],
    "site-local": ["fec0::1"],
    "multicast": ["224.0.0.1"],
    "broadcast": ["255.255.255.255"],
    "documentation": ["203.0.113.5"],
    "nothing": [],
    "public, then private": [GOOD, "10.0.0.7"],
    "private, then public": ["10.0.0.7", GOOD],
    "public IPv6, then loopback": [OTHER_GOOD, "127.0.0.1"],
    "public IPv4, then ::1": [GOOD, "::1"],
    "many public, one private": [GOOD] * 20 + ["192.168.1.1"],
    "the end of a chain of aliases": [GOOD, "127.0.0.1", "::1"],
}
"""What a resolver says about a name; one address of ours is enough."""


@dataclass
class Resolver:
    """Stands where the system's resolver does; answers in turn, the last answer for ever."""

    turns: list[list[str]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host.decode() if isinstance(host, bytes) else host)
        addresses = self.turns[min(len(self.asked), len(self.turns)) - 1]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        found = []
        for text in addresses:
            is_six = ip_address(text).version == 6
            family = socket.AF_INET6 if is_six else socket.AF_INET
            place = (text, port or 0, 0, 0) if is_six else (text, port or 0)
            found.append((family, socket.SOCK_STREAM, 6, "", place))
        return found


@dataclass
class Listener:
    """Counts who connects."""

    port: int
    connections: int = 0


@pytest.fixture
async def listener(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listener]:
    async with listening() as listener:
        # as if its port were the one that webhooks may use
        monkeypatch.setattr(targets, "_HTTPS", listener.port)
        yield listener


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    listener = Listener(0)

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.connections += 1
        writer.close()

    server = await asyncio.start_server(take, host="127.0.0.1", port=0)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """One for all, as a worker has it: to make one reads all of the certificates."""
    async with create_client(PUBLIC_ONLY) as client:
        yield client


async def post(client: httpx.AsyncClient, url: str) -> BaseException | None:
    """What came of it; None if an answer came."""
    try:
        await client.post(url, content=b"{}", timeout=2)
    except (TargetRefused, httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return error
    return None


@pytest.mark.parametrize(("address", "text"), SPELLED)
async def test_l12_no_spelling_of_an_address_of_ours_is_reached(
    client: httpx.AsyncClient, listener: Listener, address: str, text: str
) -> None:
    error = await post(client, f"https://{text}:{listener.port}/hook")

    assert isinstance(error, TargetRefused | httpx.InvalidURL), error
    assert listener.connections == 0


@pytest.mark.parametrize("host", IPV6)
async def test_l12_no_ipv6_address_of_ours_is_reached(
    client: httpx.AsyncClient, listener: Listener, host: str
) -> None:
    error = await post(client, f"https://{host}:{listener.port}/hook")

    assert isinstance(error, TargetRefused | httpx.InvalidURL), error
    assert listener.connections == 0


@pytest.mark.parametrize("url", URLS)
async def test_l12_no_such_url_is_taken_or_sent_to(client: httpx.AsyncClient, url: str) -> None:
    with pytest.raises(TargetRefused):
        check_url(url, PUBLIC_ONLY)
    assert await post(client, url) is not None


@pytest.mark.parametrize("name", NOT_NAMES)
def test_l12_what_is_no_host_name_is_refused_when_the_endpoint_is_made(name: str) -> None:
    with pytest.raises(TargetRefused):
        check_url(f"https://{name}/hook", PUBLIC_ONLY)


@pytest.mark.parametrize("name", NAMES)
async def test_l12_a_name_of_any_form_is_judged_by_what_it_resolves_to(
    client: httpx.AsyncClient, listener: Listener, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver([["127.0.0.1"]]))

    error = await post(client, f"https://{name}:{listener.port}/hook")

    assert isinstance(error, TargetRefused | httpx.InvalidURL), error
    assert listener.connections == 0


@pytest.mark.parametrize("answer", ANSWERS)
async def test_l12_one_address_of_ours_among_the_answers_is_enough(
    client: httpx.AsyncClient, listener: Listener, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    resolver = Resolver([ANSWERS[answer]])
    monkeypatch.setattr(socket, "getaddrinfo", resolver)

    error = await post(client, f"https://scrm.example.com:{listener.port}/hook")

    assert isinstance(error, TargetRefused), error
    assert listener.connections == 0
    assert resolver.asked == ["scrm.example.com"]


@pytest.mark.parametrize(
    "turns",
    [
        [[GOOD], ["127.0.0.1"]],
        [[GOOD], ["::1"]],
        [[OTHER_GOOD], ["127.0.0.1"]],
        [[GOOD, OTHER_GOOD], ["10.0.0.1"]],
        [[GOOD], [GOOD], ["127.0.0.1"]],
    ],
)
async def test_l12_a_name_that_is_bound_anew_is_not_asked_a_second_time(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, turns: list[list[str]]
) -> None:
    resolver = Resolver(turns)
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    sent: list[httpx.Request] = []

    async def record(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    transport = PinnedTransport(PUBLIC_ONLY)
    transport._inner = httpx.MockTransport(record)  # type: ignore[assignment]
    async with httpx.AsyncClient(transport=transport) as client:
        answer = await client.post(f"https://scrm.example.com:{listener.port}/hook")

    assert answer.status_code == 200
    assert resolver.asked == ["scrm.example.com"]
    assert sent[0].url.host == turns[0][0]
    assert sent[0].headers["host"] == f"scrm.example.com:{listener.port}"
    assert sent[0].extensions["sni_hostname"] == "scrm.example.com"
    assert listener.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_l12_no_redirect_is_followed(
    listener: Listener, free_port: Callable[[], int], status: int
) -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        place = f"http://127.0.0.1:{listener.port}/"
        head = f"HTTP/1.1 {status} x\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        writer.close()

    port = free_port()
    server = await asyncio.start_server(redirect, host="127.0.0.1", port=port)
    async with server, create_client(TargetPolicy(allow_private=True)) as client:
        answer = await client.post(f"http://127.0.0.1:{port}/hook", content=b"{}")

    assert answer.status_code == status
    assert listener.connections == 0


async def test_the_listener_would_count_a_connection(
    client: httpx.AsyncClient, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "is_public", lambda _: True)
    monkeypatch.setattr(socket, "getaddrinfo", Resolver([["127.0.0.1"]]))

    await post(client, f"https://scrm.example.com:{listener.port}/hook")

    assert listener.connections == 1
