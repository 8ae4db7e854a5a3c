import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitectl.base.systemd import Notifier, watchdog_interval


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(5.0)
        yield listening


def test_every_state_is_one_datagram(manager: socket.socket, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    manager.bind(address)
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address})
    assert notifier.supervised
    assert notifier.ready("serving 12 stations")
    assert notifier.status("two\nlines")
    assert notifier.watchdog()
    assert notifier.reloading(12.5)
    assert notifier.stopping()
    assert [manager.recv(1024) for _ in range(5)] == [
        b"READY=1\nSTATUS=serving 12 stations",
        b"STATUS=two lines",
        b"WATCHDOG=1",
        b"RELOADING=1\nMONOTONIC_USEC=12500000",
        b"STOPPING=1",
    ]


def test_abstract_names_are_understood(manager: socket.socket) -> None:
    name = f"sitectl-test-{os.getpid()}"
    manager.bind(f"\0{name}")
    assert Notifier(f"@{name}").ready()
    assert manager.recv(1024) == b"READY=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}])
def test_without_a_manager_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier.from_environment(environ)
    assert not notifier.supervised
    assert not notifier.ready()


def test_a_dead_manager_is_no_error(tmp_path: Path) -> None:
    assert not Notifier(str(tmp_path / "nobody")).watchdog()


def test_a_full_manager_does_not_block(manager: socket.socket, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    manager.bind(address)
    notifier = Notifier(address)
    assert not all(notifier.watchdog() for _ in range(100_000))


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({"WATCHDOG_USEC": "10000000"}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_interval(environ: dict[str, str], interval_s: float | None) -> None:
    assert watchdog_interval(environ) == interval_s
