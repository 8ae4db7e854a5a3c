"""A network of its own for some commands: interfaces that come and go without a trace on the machine."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from tests.e2e.rig import environment

HELD = "ip link set lo up && echo ready && exec sleep 1000"
KNOCK = """\
import json, sys
from websockets.sync.client import connect
with connect(sys.argv[1], subprotocols=["ocpp1.6"], open_timeout=30, proxy=None) as station:
    station.send('[2,"b","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"One"}]')
    while (answer := json.loads(station.recv(30)))[:2] != [3, "b"]:
        pass
    print(answer[2]["status"])
"""


@cache
def no_networks() -> str | None:
    """Why a process may not have a network of its own here; None where it may."""
    if missing := [tool for tool in ("unshare", "nsenter", "ip") if shutil.which(tool) is None]:
        return f"{', '.join(missing)}: not installed"
    asked = ["unshare", "-rn", "sh", "-c", "ip link set lo up"]
    tried = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
    return None if tried.returncode == 0 else tried.stderr.strip()[-200:] or "refused"


class Network:
    """What only commands behind `command` are in: a loopback interface, and the addresses that are given to it."""

    def __init__(self, holder: int) -> None:
        self.command = ("nsenter", "-t", str(holder), "-U", "-n", "--preserve-credentials")

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

    async def boot(self, url: str) -> str:
        """A station in this network connects and says who it is; the status that it is answered with."""
        process = await asyncio.create_subprocess_exec(
            *self.command, sys.executable, "-c", KNOCK, url, stdout=asyncio.subprocess.PIPE, env=environment()
        )
        out, _ = await process.communicate()
        return out.decode().strip()


@contextmanager
def own_network() -> Iterator[Network]:
    """Make one, for those who enter."""
    with subprocess.Popen(["unshare", "-rn", "sh", "-c", HELD], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "ready\n"
            yield Network(holder.pid)
        finally:
            holder.kill()
