"""Webhooks reach public https and nothing else."""

from ipaddress import ip_address

import httpx
import pytest

from lead_svc.webhooks import targets
from lead_svc.webhooks.errors import TargetRefused
from lead_svc.webhooks.targets import TargetPolicy, check_url, create_client, is_public

PUBLIC_ONLY = TargetPolicy()

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:192.168.1.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:db8::1",
    "2001:10::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fd12:3456:789a::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "114.114.114.114",
    "223.5.5.5",
    "2400:3200::1",
    "2606:4700:4700::1111",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_l12_an_address_of_our_own_side_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_l12_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://scrm.example.com/hook",
        "ftp://scrm.example.com/hook",
        "https://user:secret@scrm.example.com/",
        "https://user@scrm.example.com/",
        "https://scrm.example.com:8443/hook",
        "https://scrm.example.com:0/hook",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://[::ffff:127.0.0.1]/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/hook",
        "https://intranet/hook",
        "https:///hook",
        "https://scrm.example.com/#fragment",
        "https://scrm.example.com:99999/",
        "//scrm.example.com/hook",
        "javascript:alert(1)",
        "",
        "https://" + "a" * 2000 + ".com/",
    ],
)
def test_l12_a_url_that_can_never_be_a_target_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused) as refusal:
        check_url(url, PUBLIC_ONLY)

    assert refusal.value.field == "/url"


def test_l12_a_public_https_url_is_taken() -> None:
    check_url("https://scrm.example.com/hooks/kos?tenant=7", PUBLIC_ONLY)


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
async def test_l12_numbers_that_spell_loopback_are_not_reached(host: str) -> None:
    async with create_client(PUBLIC_ONLY) as client:
        with pytest.raises((TargetRefused, httpx.InvalidURL, httpx.ConnectError)):
            await client.post(f"https://{host}/hook")


async def test_l12_a_name_with_one_private_address_is_not_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(host: str) -> list[object]:
        return [ip_address("1.1.1.1"), ip_address("10.0.0.7")]

    monkeypatch.setattr(targets, "resolve", resolve)

    async with create_client(PUBLIC_ONLY) as client:
        with pytest.raises(TargetRefused):
            await client.post("https://scrm.example.com/hook")


async def test_l12_a_name_that_does_not_resolve_is_refused() -> None:
    async with create_client(PUBLIC_ONLY) as client:
        with pytest.raises(TargetRefused):
            await client.post("https://no-such-host.invalid/hook")


def test_l12_development_admits_loopback_and_no_other_private_address() -> None:
    policy = TargetPolicy(allow_private=True)

    check_url("http://127.0.0.1:8090/scrm/demo", policy)
    for url in ("http://10.0.0.1/hook", "https://192.168.1.1/hook", "http://scrm.example.com/"):
        with pytest.raises(TargetRefused):
            check_url(url, policy)
