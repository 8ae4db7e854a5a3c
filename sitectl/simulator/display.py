"""What a person sees while a demo runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sitectl.simulator.electrical import METER_NOISE_A
from sitectl.simulator.site import SimulatedSite

LEAST_ROWS = 3
MOST_EVENTS = 6
PROGRESS_EVERY_S = 5.0

FRAME_LINES = 5
"""Of the table of connectors: heading, rules and caption."""


class Display(Protocol):
    def __enter__(self) -> Display: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def say(self, at_s: float, text: str) -> None:
        """Something happened."""
        ...

    def show(self, at_s: float, site: SimulatedSite, status: Mapping[str, Any], daemon: str) -> None:
        """The state of things, about twice a second. `daemon`: its process, and how to ask it."""
        ...


def choose(out: TextIO) -> Display:
    return LiveTable(out) if out.isatty() else ProgressLines(sys.stderr)


class ProgressLines:
    """One line an event and one every five seconds."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown_s = 0.0

    def __enter__(self) -> ProgressLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.flush()

    def say(self, at_s: float, text: str) -> None:
        print(f"{at_s:6.1f} s  {text}", file=self._stream, flush=True)

    def show(self, at_s: float, site: SimulatedSite, status: Mapping[str, Any], daemon: str) -> None:
        if at_s < self._shown_s + PROGRESS_EVERY_S:
            return
        self._shown_s = at_s
        loads = [
            f"{name} {'/'.join(f'{a:.0f}' for a in site.flows[name])} of {circuit.rated_a:.0f} A"
            for name, circuit in site.layout.circuits.items()
        ]
        charging = sum(
            c.transaction is not None for s in site.stations.values() for c in s.charge_point.connectors.values()
        )
        self.say(at_s, f"{', '.join(loads)}; {charging} charging; site {status.get('state', 'unknown')}")


class LiveTable:
    """Circuits, connectors and the last events, redrawn in place."""

    def __init__(self, out: TextIO) -> None:
        self._console = Console(file=out)
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._events: deque[str] = deque(maxlen=MOST_EVENTS)

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, at_s: float, text: str) -> None:
        self._events.append(f"{at_s:6.1f} s  {text}")

    def show(self, at_s: float, site: SimulatedSite, status: Mapping[str, Any], daemon: str) -> None:
        title = Text(f"sitectl demo  {at_s:.0f} s  site {status.get('state', 'starting')}", style="bold")
        events = Text("\n".join(self._events), style="dim")
        above = Group(title, Text(daemon, overflow="fold"), _circuits(site))
        # The newest events stand last, and what does not fit on the terminal is cut at the end.
        taken = len(self._console.render_lines(above)) + MOST_EVENTS + FRAME_LINES
        rows = max(LEAST_ROWS, self._console.height - taken)
        self._live.update(Group(above, _connectors(site, rows), events))


def _circuits(site: SimulatedSite) -> Table:
    table = Table("circuit", "rated", "L1", "L2", "L3", "longest over")
    for name, circuit in site.layout.circuits.items():
        loads = [
            Text(f"{a:.1f} A", style="red" if a > circuit.rated_a + METER_NOISE_A else "green")
            for a in site.flows[name]
        ]
        table.add_row(name, f"{circuit.rated_a:.0f} A", *loads, f"{site.fuses[name].longest_overload_s:.1f} s")
    return table


def _connectors(site: SimulatedSite, most: int) -> Table:
    table = Table("station", "online", "status", "offer", "draws", "energy", "queue")
    rows = [
        (station, connector)
        for station in site.stations.values()
        for connector in station.charge_point.connectors.values()
    ]
    for station, connector in rows[:most]:
        transaction = connector.transaction
        table.add_row(
            f"{station.id}/{connector.number}",
            Text("yes", style="green") if station.online else Text("no", style="yellow"),
            connector.status(),
            f"{connector.offered_a:.1f} A" if transaction else "",
            "/".join(f"{a:.1f}" for a in connector.drawn) if transaction else "",
            f"{transaction.energy_wh:.0f} Wh" if transaction else "",
            str(len(station.charge_point.queue) or ""),
        )
    if len(rows) > most:
        table.caption = f"and {len(rows) - most} more"
    return table
