"""The unmodified daemon as a process, with what it talks to: a central in a process of its own, and a Modbus meter."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from sitectl.base.clock import SystemClock
from sitectl.simulator.csms import CentralSystem
from sitectl.simulator.meter import SimulatedMeter
from tests.e2e.rig import environment

FALLBACK_A = 6.0
BELOW_A_SUB = 25
SUBS_A_PANEL = 4
CURRENT_REGISTERS = (6, 12)
"""Where the meter shows its currents (SDM630, input registers)."""


def site_file(folder: Path, stations: int, *, rated_a: float, worst_a: float, meter: int = 0, central: int = 0) -> Path:
    """Write the configuration of a site: a grid, panels, sub-distributions of 25 stations; a third on each phase.

    `meter` and `central` are ports on loopback, 0 for none.
    """
    lines = [
        "site: {name: bench, data_dir: data}",
        'ocpp: {listen: "127.0.0.1:0", security_profile: 0, unknown_stations: reject}',
        "authorization: {mode: free}",
        "api: {socket: sitectl.sock}",
    ]
    metered = "meter: main, " if meter else ""
    lines += ["circuits:", f"  grid: {{rated_a: {rated_a}, {metered}base_load_worst_a: {worst_a}}}"]
    subs = -(-stations // BELOW_A_SUB)
    for panel in range(-(-subs // SUBS_A_PANEL)):
        lines.append(f"  panel{panel}: {{parent: grid, rated_a: {rated_a}}}")
    lines += [f"  sub{sub}: {{parent: panel{sub // SUBS_A_PANEL}, rated_a: {rated_a}}}" for sub in range(subs)]
    if meter:
        lines += ["meters:", f'  main: {{sheet: eastron-sdm630, connection: "tcp://127.0.0.1:{meter}", unit: 1}}']
    if central:
        lines += ["uplinks:", f'  central: {{url: "ws://127.0.0.1:{central}/ocpp"}}', "routing: {default: central}"]
    lines.append("stations:")
    lines += [
        f"  {name(n)}: {{circuit: sub{n // BELOW_A_SUB}, max_a: 32, phases: L{n % 3 + 1}, fallback_a: {FALLBACK_A:g}}}"
        for n in range(stations)
    ]
    path = folder / "site.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def name(n: int) -> str:
    """The n-th station."""
    return f"CP{n:04}"


def rss_kb(pid: int, what: str = "VmRSS") -> int:
    """Resident memory of a process in kB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{what}:")).split()[1])


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class StampingMeter(SimulatedMeter):
    """Notes when whoever reads it had the last answer of the first reading that holds the changed current.

    A sheet has several blocks with a pause between them, which the device asks for: a reading is there when its last
    block is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.read_at: float | None = None
        self._shown = False

    def changed(self) -> None:
        """The next reading is the one to note."""
        self.read_at, self._shown = None, False

    def _reply(self, pdu: bytes) -> bytes | None:
        reply = super()._reply(pdu)
        start, count = int.from_bytes(pdu[1:3]), int.from_bytes(pdu[3:5])
        if start <= CURRENT_REGISTERS[0] and CURRENT_REGISTERS[1] <= start + count:
            self._shown = True
        elif self._shown and self.read_at is None:
            self.read_at = time.monotonic()
        return reply


# --- the central ------------------------------------------------------------------------------------------------------


class StampingCentral(CentralSystem):
    """Notes when each status came, by station and by what its `info` says."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.seen: dict[str, float] = {}

    def _answer(self, station: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        if action == "StatusNotification" and "info" in payload:
            self.seen.setdefault(f"{station} {payload['info']}", time.monotonic())
        return super()._answer(station, action, payload)


class CentralProcess:
    """A central in a process of its own: a module that says its port, and for every line what it has seen."""

    MODULE = "tests.bench.site_process"

    def __init__(self) -> None:
        self.port = 0
        self._process: asyncio.subprocess.Process

    async def start(self) -> None:
        """Start it; its port is known then."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self.MODULE),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment(),
            limit=2**26,
        )
        assert self._process.stdout is not None
        self.port = int(await self._process.stdout.readline())

    async def told(self) -> dict[str, Any]:
        """What it saw so far: `seen` as `StampingCentral` has it, and `calls` by action."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        told: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return told

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


async def serve_central() -> None:
    central = StampingCentral()
    await central.open()
    print(central.port, flush=True)
    while await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        told = {"seen": central.seen, "calls": central.ledger.calls, "stations": len(central.links)}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    uvloop.run(serve_central())
