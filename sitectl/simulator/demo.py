"""`sitectl demo`: the unmodified daemon, as a process of its own, between a simulated site and a simulated central.

Nothing is handed to the daemon but a site.yaml; what it does is judged by the ground truth, by its own answers and by
three ledgers. It may be killed in mid-run: it is started again, and the verdict stays what the ledgers say.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from sitectl.base.clock import Clock, SystemClock
from sitectl.base.errors import ConfigurationError, EnvironmentFault, PeerError
from sitectl.base.tasks import Tasks
from sitectl.simulator import display
from sitectl.simulator.daemon_process import DaemonProcess, get_json
from sitectl.simulator.judge import (
    CircuitOutcome,
    Line,
    Report,
    StatusWatch,
    compare,
    judge_transactions,
    judge_wires,
    ledger_line,
    second,
)
from sitectl.simulator.layout import Layout, lay_out, lay_out_misfits, site_yaml
from sitectl.simulator.scenario import Scenario, find, plan
from sitectl.simulator.site import SimulatedSite

SHORTEST_S = 20.0
SEED = 20_261_120
READY_WITHIN_S = 20.0
ONLINE_WITHIN_S = 10.0
DRAIN_WITHIN_S = 15.0
LOOK_EVERY_S = 0.5
LEDGER_ATTEMPTS = 5
EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2


class DaemonUnusable(EnvironmentFault):
    """The daemon does not serve, so there is nothing to show."""


def run_demo(
    stations: int = 6,
    seconds: float = 60.0,
    scenario: str = "default",
    as_json: bool = False,
    out: TextIO | None = None,
) -> int:
    """Run a demo and print its summary, with `as_json` the JSON, to `out`; return the exit status.

    0: well; 1: a fuse, an offer or a transaction went wrong, or the daemon does not run; 2: there is no such demo.
    """
    out = out if out is not None else sys.stdout
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # cut connections are part of the play
    try:
        chosen = find(scenario)
        layout = lay_out_misfits(stations) if chosen.misfits else lay_out(stations)
        if seconds < SHORTEST_S:
            raise ConfigurationError(f"a demo takes {SHORTEST_S:.0f} s at least, not {seconds:g} s")
    except ConfigurationError as error:
        print(f"sitectl demo: {error}", file=sys.stderr)
        return EXIT_USAGE
    try:
        report = asyncio.run(_run(chosen, layout, seconds, out))
    except DaemonUnusable as error:
        print(f"sitectl demo: {error}", file=sys.stderr)
        return EXIT_FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("sitectl demo: interrupted", file=sys.stderr)
        return EXIT_FAILED
    print(json.dumps(report.as_json(), indent=2) if as_json else report.as_text(), file=out, flush=True)
    return EXIT_OK if report.ok else EXIT_FAILED


async def _run(chosen: Scenario, layout: Layout, seconds: float, out: TextIO) -> Report:
    if (task := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="sitectl-demo-") as directory, display.choose(out) as shown:
        return await Demo(chosen, layout, seconds, Path(directory), shown, SystemClock()).run()


class Demo:
    """One run, from the first listening socket to the report."""

    def __init__(
        self,
        chosen: Scenario,
        layout: Layout,
        seconds: float,
        directory: Path,
        shown: display.Display,
        clock: Clock,
        command: Sequence[str] = (sys.executable, "-m", "sitectl", "run"),
    ) -> None:
        self._scenario = chosen
        self._layout = layout
        self._seconds = seconds
        self._directory = directory
        self._shown = shown
        self._clock = clock
        self._began_at = clock.monotonic()
        self._tasks = Tasks()
        self._watch = StatusWatch()
        self._status: Mapping[str, Any] = {}
        self._problems: list[str] = []
        self._ocpp_port = _free_port()  # fixed, so that the stations find a restarted daemon again
        self._site = SimulatedSite(layout, f"ws://127.0.0.1:{self._ocpp_port}", clock, SEED)
        self._config = directory / "site.yaml"
        self._api = directory / "sitectl.sock"
        self._daemon = DaemonProcess([*command, "--config", str(self._config)], self._say)

    async def run(self) -> Report:
        """The whole run; whatever happens, nothing is left running."""
        try:
            await self._site.open()
            self._write_config()
            self._tasks.spawn(self._daemon.run(), "daemon")
            await self._wait_until_ready()
            self._say(f"ask it with --socket {self._api}")
            running = [self._tasks.spawn(self._site.run(), "site"), self._tasks.spawn(self._look(), "look")]
            await self._wait_for(lambda: all(s.online for s in self._site.stations.values()), ONLINE_WITHIN_S)
            await self._play()
            await self._drain()
            ledger = await self._ledger()
            for task in running:
                if task.done():
                    task.result()  # a site that stood still proves nothing: raises what ended it
        finally:
            stopped_in_time = await self._daemon.stop()
            await self._tasks.cancel_all()
            await self._site.close()
        if not stopped_in_time:
            self._problems.append("the daemon did not stop within 10 s")
        return self._report(ledger)

    def _write_config(self) -> None:
        ports = {"ocpp_port": self._ocpp_port, "meter_port": self._site.meter.port}
        text = site_yaml(self._layout, self._directory, csms_url=self._site.csms.url, **ports)
        self._config.write_text(text, encoding="utf-8")

    async def _wait_until_ready(self) -> None:
        await self._wait_for(lambda: self._daemon.ready.is_set() or self._daemon.refused.is_set(), READY_WITHIN_S)
        if not self._daemon.ready.is_set():
            words = "\n".join(["the daemon does not serve; its last words:", *self._daemon.last_lines])
            raise DaemonUnusable(words)

    async def _play(self) -> None:
        """Do what the scenario says, when it says it."""
        self._began_at = self._clock.monotonic()
        for timed in plan(self._scenario, self._layout.places, self._seconds, SEED):
            await asyncio.sleep(max(0.0, self._began_at + timed.at_s - self._clock.monotonic()))
            self._say(await self._site.perform(timed.action))
        await asyncio.sleep(max(0.0, self._began_at + self._seconds - self._clock.monotonic()))

    async def _drain(self) -> None:
        """All cars have left: wait until every message has reached its ledger."""

        def drained() -> bool:
            counts = self._status.get("transactions", {})
            return self._site.idle and counts.get("open") == 0 and counts.get("unsent") == 0

        self._say("waiting until all transactions are delivered")
        if not await self._wait_for(drained, DRAIN_WITHIN_S):
            self._say(f"not all transactions were delivered within {DRAIN_WITHIN_S:.0f} s")

    async def _look(self) -> None:
        """Ask the daemon for its status, and show how things stand."""
        while True:
            now_at = self._clock.monotonic()
            try:
                self._status = await get_json(self._api, "/v1/status")
                self._watch.look(self._status, now_at)
            except PeerError:
                self._status = {}
                self._watch.miss()
            self._shown.show(now_at - self._began_at, self._site, self._status, self._process())
            await asyncio.sleep(LOOK_EVERY_S)

    async def _ledger(self) -> list[Line]:
        """The daemon's; asked again while it may just be starting anew."""
        for _ in range(LEDGER_ATTEMPTS):
            try:
                document = await get_json(self._api, "/v1/transactions?limit=10000")
                return [ledger_line(entry) for entry in document["transactions"]]
            except PeerError as error:
                problem = str(error)
                await asyncio.sleep(1.0)
        self._problems.append(problem)
        return []

    def _report(self, ledger: list[Line]) -> Report:
        site = self._site
        comparison = compare(_station_lines(site), ledger, _central_lines(site))
        fuses = {name: fuse.longest_overload_s for name, fuse in site.fuses.items()}
        offers = {name: fuse.longest_overload_s for name, fuse in site.offers.items()}
        problems = judge_wires(fuses, offers, self._watch.longest_excess_s)
        problems += judge_transactions(comparison) + site.csms.ledger.oddities + self._problems
        cycle = self._watch.cycle
        return Report(
            stations=len(site.stations),
            seconds=self._seconds,
            circuits={
                name: CircuitOutcome(fuse.rated_a, tuple(fuse.peak_a), fuse.overload_as, fuse.longest_overload_s)
                for name, fuse in site.fuses.items()
                if name in self._layout.circuits
            },
            transactions=comparison,
            energy_wh=site.energy_wh,
            used_share=min(1.0, site.energy_wh / site.allowed_wh) if site.allowed_wh else None,
            commands_per_ev_hour=site.tx_profiles / site.ev_hours if site.ev_hours else None,
            cycle_p50_ms=cycle.get("ms_p50"),
            cycle_p99_ms=cycle.get("ms_p99"),
            restarts=self._daemon.starts - 1,
            problems=tuple(problems),
        )

    async def _wait_for(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Whether `condition` came true in time."""
        until = self._clock.monotonic() + within_s
        while True:
            if (held := condition()) or self._clock.monotonic() >= until:
                return held
            await asyncio.sleep(0.1)

    def _process(self) -> str:
        """The daemon's process, for who wants to kill it, and its socket, for who wants to ask it."""
        alive = "daemon is starting" if self._daemon.pid is None else f"daemon pid {self._daemon.pid}"
        return f"{alive}, --socket {self._api}"

    def _say(self, text: str) -> None:
        self._shown.say(self._clock.monotonic() - self._began_at, text)


def _station_lines(site: SimulatedSite) -> list[Line]:
    return [
        Line(
            station.id,
            t.connector,
            t.id_tag,
            t.started,
            t.meter_start_wh,
            t.energy_wh if t.stopped is not None else None,
        )
        for station in site.stations.values()
        for t in station.charge_point.ledger
    ]


def _central_lines(site: SimulatedSite) -> list[Line]:
    return [
        Line(
            t.station,
            t.connector,
            t.id_tag,
            second(t.started),
            t.meter_start_wh,
            t.meter_stop_wh - t.meter_start_wh if t.meter_stop_wh is not None else None,
        )
        for t in site.csms.ledger.transactions.values()
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
