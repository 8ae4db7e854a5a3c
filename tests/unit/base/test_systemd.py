import array
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitectl.base.systemd import Notifier, inherited, watchdog_interval


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


def test_an_open_socket_is_handed_over_to_be_kept(manager: socket.socket, tmp_path: Path) -> None:
    manager.bind(str(tmp_path / "notify"))
    notifier = Notifier(str(tmp_path / "notify"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert notifier.keep("ocpp", listening.fileno())
        message, ancillary, _, _ = manager.recvmsg(1024, socket.CMSG_SPACE(4))
        assert message == b"FDSTORE=1\nFDNAME=ocpp"
        (file,) = array.array("i", ancillary[0][2])
        with socket.socket(fileno=file) as kept:
            assert kept.getsockname() == listening.getsockname()
    assert notifier.let_go("ocpp")
    assert manager.recv(1024) == b"FDSTOREREMOVE=1\nFDNAME=ocpp"


CHILD = """
import os
from sitectl.base.systemd import inherited
os.environ["LISTEN_PID"] = str(os.getpid())
print([(name, given.getsockname()[1], os.get_inheritable(given.fileno())) for name, given in inherited()], inherited())
print([name for name in os.environ if name.startswith("LISTEN_")])
"""


def test_what_the_manager_hands_over_is_taken_once_and_by_name(tmp_path: Path) -> None:
    """In a process of its own: the files have to be number 3 and 4, which a test run may have open."""
    with socket.create_server(("127.0.0.1", 0)) as listening, (tmp_path / "no-socket").open("w") as other:
        numbers = f"os.dup2({listening.fileno()}, 30); os.dup2({other.fileno()}, 31); os.dup2(30, 3); os.dup2(31, 4)"
        script = f"import os; {numbers}; os.execv({sys.executable!r}, [{sys.executable!r}, '-c', {CHILD!r}])"
        environ = {**os.environ, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "ocpp:odd"}
        ran = subprocess.run(
            [sys.executable, "-c", script.replace(", 3)", ", 3, inheritable=True)")],
            pass_fds=(listening.fileno(), other.fileno()),
            check=False,
            env=environ,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert ran.stdout.splitlines() == [f"[('ocpp', {listening.getsockname()[1]}, False)] []", "[]"], ran.stderr


def test_what_was_meant_for_another_process_is_left_alone() -> None:
    environ = {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"}
    assert inherited(environ) == []
    assert environ == {}
