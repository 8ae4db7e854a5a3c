from ipaddress import ip_network

import pytest

from sitectl.config.notation import (
    Refusal,
    is_identity,
    parse_address,
    parse_network,
    parse_phases,
    parse_uplink_url,
)
from sitectl.config.settings import Address
from sitectl.model.electrical import Phase, PhaseRotation


def test_addresses() -> None:
    assert parse_address("127.0.0.1:0") == Address("127.0.0.1", 0)
    assert parse_address("[::1]:8887") == Address("::1", 8887)
    assert parse_address("gateway.local:8887") == Address("gateway.local", 8887)


@pytest.mark.parametrize(
    "text", ["", "8887", ":8887", "host", "host:", "host:x", "host:65536", "::1:80", "a b:1", "h:٣"]
)
def test_no_addresses(text: str) -> None:
    assert isinstance(parse_address(text), Refusal)


def test_networks() -> None:
    assert parse_network("10.20.0.0/24") == ip_network("10.20.0.0/24")
    assert parse_network("10.20.0.5") == ip_network("10.20.0.5/32")
    assert parse_network("fc00::/7") == ip_network("fc00::/7")
    refusal = parse_network("10.20.0.5/24")
    assert isinstance(refusal, Refusal)
    assert "10.20.0.0/24" in refusal.cure


def test_phases_say_where_the_own_phases_lie() -> None:
    assert parse_phases("L2L3L1") == PhaseRotation((Phase.L2, Phase.L3, Phase.L1))
    assert parse_phases("L3") == PhaseRotation((Phase.L3,))
    assert parse_phases("L1L3") == PhaseRotation((Phase.L1, Phase.L3))
    unknown = parse_phases("unknown")
    assert isinstance(unknown, PhaseRotation)
    assert not unknown.known


@pytest.mark.parametrize("text", ["", "L", "L4", "l1", "L1L1", "L1L2L3L1", "L1 L2", "L1,L2"])
def test_no_phases(text: str) -> None:
    assert isinstance(parse_phases(text), Refusal)


def test_uplink_urls() -> None:
    for url in ("ws://10.0.0.1:9000", "wss://csms.example.com/ocpp", "wss://x.example/a?id={station}", "wss://[::1]/a"):
        assert parse_uplink_url(url) == url


@pytest.mark.parametrize(
    "text", ["", "http://x", "wss://", "wss://a@x/", "wss://x/#y", "wss://x/{id}", "wss://x/?a=b", "ws://x:y"]
)
def test_no_uplink_urls(text: str) -> None:
    assert isinstance(parse_uplink_url(text), Refusal)


def test_identities() -> None:
    assert is_identity("DE*ABC*E01-_=+|@.9")
    assert is_identity("x" * 48)
    for text in ("", "x" * 49, "a/b", "a:b", "a b", "ä", "a\n"):
        assert not is_identity(text)
