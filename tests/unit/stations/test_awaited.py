"""Addresses that the machine has, has not got yet, or never will have; and why nobody can listen somewhere."""

import errno
import socket

import pytest

from sitectl.config.settings import Address
from sitectl.stations import awaited

ELSEWHERE = ("192.0.2.1", "2001:db8::1")
"""Of the ranges for documentation: of no machine."""


@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_socket_is_bound_to_an_address_that_may_come(host: str) -> None:
    assert awaited.is_absent(host)
    with awaited.bound_ahead(Address(host, 0)) as bound:
        bound.listen()
        assert bound.getsockname()[0] == host


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost", "gateway.invalid"])
def test_what_is_here_and_what_is_no_address_is_not_awaited(host: str) -> None:
    assert not awaited.is_absent(host)


def test_a_port_that_is_taken_is_taken_ahead_of_time_too() -> None:
    with awaited.bound_ahead(Address(ELSEWHERE[0], 0)) as first:
        first.listen()
        with pytest.raises(OSError) as refused:
            awaited.bound_ahead(Address(ELSEWHERE[0], first.getsockname()[1]))
    assert refused.value.errno == errno.EADDRINUSE


def test_a_name_is_not_bound_ahead() -> None:
    with pytest.raises(OSError, match="localhost is no address"):
        awaited.bound_ahead(Address("localhost", 0))


def test_a_problem_for_each_address_that_is_absent() -> None:
    found = list(awaited.findings(["127.0.0.1", ELSEWHERE[0]]))
    assert [(what.partition(":")[0], where) for what, where, _ in found] == [
        ("Stations cannot connect at 192.0.2.1", "ocpp.listen")
    ]
    assert "correct ocpp.listen" in found[0][2]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EADDRINUSE, "in use"), "another program listens there; `ss -tlnp` shows which"),
        (OSError(errno.EADDRNOTAVAIL, "no"), "no interface of this machine has that address"),
        (OSError(errno.EACCES, "denied"), "a port below 1024: name a higher one"),
        (socket.gaierror(socket.EAI_NONAME, "not known"), "not known: name an address, which needs no name service"),
        (OSError(errno.EMFILE, "Too many open files"), ":8887: Too many open files"),
    ],
)
def test_a_refusal_says_what_to_do(error: OSError, words: str) -> None:
    said = awaited.refusal(Address("::1", 8887), error)
    assert said.startswith("ocpp.listen: cannot listen on [::1]:8887: ")
    assert words in said
