"""Stations while the daemon is restarted: the service manager keeps the listening sockets, and nobody is refused."""

import array
import asyncio
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from sitectl.security.tls import client_context
from tests.e2e.rig import SITECTL, Daemon, site, until
from tests.unit.security.test_tls import Authority

OCPP = {"security_profile": 0, "unknown_stations": "reject"}
HANDING_OVER = "import os, sys\nos.environ['LISTEN_PID'] = str(os.getpid())\nos.execv(sys.argv[1], sys.argv[1:])\n"


Kept = list[tuple[str, int]]


def patient(url: str, trust: ssl.SSLContext | None) -> connect:
    """A station that waits until it is let in."""
    named = {"ssl": trust, "server_hostname": "gateway"} if trust is not None else {}
    return connect(url, subprotocols=["ocpp1.6"], open_timeout=30, proxy=None, **named)  # type: ignore[list-item, arg-type]


class Keeper:
    """The part of a service manager that keeps files: what it was given by name."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify.sock"
        self.kept: dict[str, list[int]] = {}
        self.said: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._heard)

    def _heard(self) -> None:
        message, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(64))
        lines = message.decode().splitlines()
        self.said += lines
        name = next((line.partition("=")[2] for line in lines if line.startswith("FDNAME=")), "")
        if "FDSTOREREMOVE=1" in lines:
            for file in self.kept.pop(name, []):
                os.close(file)
        for _, _, data in ancillary:
            self.kept.setdefault(name, []).extend(array.array("i", data[: len(data) - len(data) % 4]))

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        for file in [file for files in self.kept.values() for file in files]:
            os.close(file)


class Restarted(Daemon):
    """A daemon that is started as a service manager does: with these listening sockets as its files 3, 4, …"""

    def hand_over(self, folder: Path, given: list[tuple[str, int]]) -> None:
        script = folder / "hand_over.py"
        moves = "".join(f"os.dup2({file}, {100 + n})\n" for n, (_, file) in enumerate(given))
        moves += "".join(f"os.dup2({100 + n}, {3 + n})\n" for n in range(len(given)))
        script.write_text(f"import os\n{moves}{HANDING_OVER}")
        names = ":".join(name for name, _ in given)
        self._environment |= {"LISTEN_FDS": str(len(given)), "LISTEN_FDNAMES": names}
        self._command = (sys.executable, str(script), *SITECTL, "run", "--config", str(self.config))
        self._given = tuple(file for _, file in given)

    async def launch(self) -> None:
        with self._log.open("w") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                pass_fds=self._given,
            )


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
async def keeper(tmp_path: Path) -> Any:
    made = Keeper(tmp_path)
    yield made
    made.close()


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


async def test_who_comes_during_a_restart_waits_and_is_served(tmp_path: Path, keeper: Keeper, free_port: int) -> None:
    config = site(tmp_path, ocpp=OCPP | {"listen": f"127.0.0.1:{free_port}"})
    first = Daemon(config, log="first.log", NOTIFY_SOCKET=str(keeper.path))
    await first.start()
    await until(lambda: len(keeper.kept.get("ocpp", [])) == 1)
    await first.kill()  # as harsh as it comes

    coming = connect(f"ws://127.0.0.1:{free_port}/CP01", subprotocols=["ocpp1.6"], open_timeout=30, proxy=None)  # type: ignore[list-item]
    waiting = asyncio.ensure_future(coming.__aenter__())
    await asyncio.sleep(0.3)
    assert not waiting.done()

    second = Restarted(config, log="second.log", NOTIFY_SOCKET=str(keeper.path))
    second.hand_over(tmp_path, [("ocpp", file) for file in keeper.kept["ocpp"]])
    try:
        await second.start()
        station = await waiting
        assert station.subprotocol == "ocpp1.6"
        await station.close()
        assert second.port == free_port
        await until(lambda: len(keeper.kept.get("ocpp", [])) == 1)
        await second.stop()
    finally:
        if second.running:
            await second.kill()


def swapped(kept: Kept) -> Kept:
    return list(reversed(kept))


def without_the_second(kept: Kept) -> Kept:
    return kept[:1]


@pytest.mark.parametrize("handed", [swapped, pytest.param(without_the_second, marks=pytest.mark.full)])
async def test_both_listeners_are_handed_over_each_as_what_it_is(
    tmp_path: Path, keeper: Keeper, free_port: int, handed: Callable[[Kept], Kept]
) -> None:
    authority = Authority(tmp_path, "site-ca")
    certificate, key = authority.issue("gateway")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        encrypted = int(probe.getsockname()[1])
    tls = {"listen": f"127.0.0.1:{encrypted}", "certificate": str(certificate), "key": str(key)}
    config = site(tmp_path, ocpp=OCPP | {"listen": f"127.0.0.1:{free_port}", "tls": tls})
    first = Daemon(config, log="first.log", NOTIFY_SOCKET=str(keeper.path))
    await first.start()
    await until(lambda: sorted(keeper.kept) == ["ocpp", "ocpp-tls"])
    await first.kill()

    given = handed([(name, file) for name in ("ocpp", "ocpp-tls") for file in keeper.kept[name]])
    urls = {"ocpp": f"ws://127.0.0.1:{free_port}/CP01", "ocpp-tls": f"wss://127.0.0.1:{encrypted}/CP02"}
    trust = client_context(authority.ca)
    coming = {name: patient(urls[name], trust if name == "ocpp-tls" else None) for name, _ in given}
    waiting = {name: asyncio.ensure_future(one.__aenter__()) for name, one in coming.items()}
    second = Restarted(config, log="second.log", NOTIFY_SOCKET=str(keeper.path))
    second.hand_over(tmp_path, given)
    try:
        await second.start()
        for name, one in waiting.items():
            station = await one
            assert (name, station.subprotocol) == (name, "ocpp1.6")
            await station.close()
        assert f"ocpp=127.0.0.1:{free_port} ocpp-tls=127.0.0.1:{encrypted} " in second.log
        assert "no address of the configuration" not in second.log
        if "ocpp-tls" not in waiting:  # it was opened anew, while the other one was taken over
            async with patient(urls["ocpp-tls"], trust) as station:
                assert station.subprotocol == "ocpp1.6"
        await second.stop()
    finally:
        if second.running:
            await second.kill()


async def test_a_socket_of_another_address_is_told_and_closed(tmp_path: Path, listening: socket.socket) -> None:
    running = Restarted(site(tmp_path))
    running.hand_over(tmp_path, [("ocpp", listening.fileno()), ("ocpp", listening.fileno())])
    try:
        await running.start()
        assert running.port != listening.getsockname()[1]
        assert "was held open for stations (ocpp) and is no address of the configuration" in running.log
        await running.stop()
    finally:
        if running.running:
            await running.kill()


async def test_the_same_socket_twice_is_taken_once(tmp_path: Path, listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    running = Restarted(site(tmp_path, ocpp=OCPP | {"listen": f"127.0.0.1:{port}"}))
    running.hand_over(tmp_path, [("ocpp", listening.fileno()), ("ocpp", listening.fileno())])
    try:
        await running.start()
        assert running.port == port
        assert "no address of the configuration" not in running.log
        async with connect(f"ws://127.0.0.1:{port}/CP01", subprotocols=["ocpp1.6"], proxy=None) as station:  # type: ignore[list-item]
            assert station.subprotocol == "ocpp1.6"
        await running.stop()
    finally:
        if running.running:
            await running.kill()
