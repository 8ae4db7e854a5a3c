"""A network of its own for some commands: interfaces that come and go without a trace on the machine."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.e2e.rig import environment

HELD = "ip link set lo up && echo ready && exec sleep 1000"
ABSENT = """\
mount --bind "$1/resolv.conf" /etc/resolv.conf && mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf &&
ip link set lo up && exec "$0" -c "$2" "$1/asked"
"""
MUTE = """\
import socket, sys
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("127.0.0.1", 53))
mute = socket.create_server(("127.0.0.1", 502))
full = socket.create_server(("127.0.0.1", 1883), backlog=0)
callers = [socket.socket() for _ in range(4)]
for caller in callers:
    caller.setblocking(False)
    caller.connect_ex(("127.0.0.1", 1883))
print("ready", flush=True)
while asked := names.recv(512):
    with open(sys.argv[1], "ab") as file:
        file.write(asked[12:-4].replace(b"\\n", b"") + b"\\n")
"""
"""Whoever is asked for a name never answers; on the port of Modbus calls are taken and never answered, on that of MQTT
they are not even taken: nothing says no."""

KNOCK = """\
import json, sys
from websockets.sync.client import connect
with connect(sys.argv[1], subprotocols=["ocpp1.6"], open_timeout=30, proxy=None) as station:
    station.send('[2,"b","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"One"}]')
    while (answer := json.loads(station.recv(30)))[:2] != [3, "b"]:
        pass
    print(answer[2]["status"])
    while "TxDefaultProfile" not in (asked := station.recv(30)):
        said = {} if "GetConfiguration" not in asked else {"unknownKey": json.loads(asked)[3].get("key", [])}
        if asked.startswith("[2"):
            station.send(json.dumps([3, json.loads(asked)[1], {"status": "Accepted", **said}]))
    print(json.loads(asked)[3]["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"])
"""


@cache
def no_networks() -> str | None:
    """Why a process may not have a network of its own here; None where it may."""
    if missing := [tool for tool in ("unshare", "nsenter", "ip") if shutil.which(tool) is None]:
        return f"{', '.join(missing)}: not installed"
    asked = ["unshare", "-rmn", "sh", "-c", "ip link set lo up && mount --bind /etc/hosts /etc/resolv.conf"]
    tried = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
    return None if tried.returncode == 0 else tried.stderr.strip()[-200:] or "refused"


class Network:
    """What only commands behind `command` are in: a loopback interface, and the addresses that are given to it."""

    def __init__(self, holder: int, asked: Path | None = None) -> None:
        self.command = ("nsenter", "-t", str(holder), "-U", "-n", "--preserve-credentials")
        self._asked = asked

    @property
    def names_asked(self) -> bytes:
        """The names that were asked for, as they are on the wire; nobody answered."""
        return self._asked.read_bytes() if self._asked is not None and self._asked.exists() else b""

    def give(self, address: str) -> None:
        """The interface has this address from now on."""
        self._address("add", address)

    def take(self, address: str) -> None:
        """It is gone again."""
        self._address("del", address)

    def _address(self, what: str, address: str) -> None:
        nodad = ["nodad"] if ":" in address and what == "add" else []
        whole = f"{address}/{128 if ':' in address else 32}"
        subprocess.run([*self.command, "ip", "address", what, whole, "dev", "lo", *nodad], check=True, timeout=20)

    async def boot(self, url: str) -> list[str]:
        """A station in this network connects and says who it is; the status that it is answered with, and its
        fallback."""
        process = await asyncio.create_subprocess_exec(
            *self.command, sys.executable, "-c", KNOCK, url, stdout=asyncio.subprocess.PIPE, env=environment()
        )
        out, _ = await process.communicate()
        return out.decode().split()


@contextmanager
def own_network() -> Iterator[Network]:
    """Make one, for those who enter."""
    with _held(["unshare", "-rn", "sh", "-c", HELD]) as holder:
        yield Network(holder)


@contextmanager
def network_of_the_dead(folder: Path) -> Iterator[Network]:
    """One in which names are asked for in vain, and the ports of Modbus and MQTT keep silent."""
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (folder / "nsswitch.conf").write_text("hosts: files dns\n")
    command = ["unshare", "-rmn", "sh", "-c", ABSENT, sys.executable, str(folder), MUTE]
    with _held(command) as holder:
        network = Network(holder, folder / "asked")
        network.command = (*network.command[:-1], "-m", network.command[-1])
        yield network


@contextmanager
def _held(command: list[str]) -> Iterator[int]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "ready\n"
            yield holder.pid
        finally:
            holder.kill()
