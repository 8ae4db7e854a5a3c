"""The verdict on a run: three ledgers compared, fuses and offers against the reaction time; and its words.

Pure. The three ledgers are the stations' own, the daemon's and the central's; a transaction is the same one when
station, connector, token, start time (to the second) and start register are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sitectl.base.units import parse_timestamp

REACTION_S = 12.0  # from a base-load step until the last car has followed: meter, cycle, transport, car
STATUS_SLACK_A = 0.5

Key = tuple[str, int, str, datetime | None, int]


@dataclass(frozen=True)
class Line:
    """A transaction as one of the ledgers has it; energies in Wh, None while it runs."""

    station: str
    connector: int
    id_tag: str
    started: datetime | None
    meter_start_wh: int
    energy_wh: float | None

    @property
    def key(self) -> Key:
        return self.station, self.connector, self.id_tag, self.started, self.meter_start_wh


@dataclass(frozen=True)
class Comparison:
    stations: int
    ledger: int
    csms: int
    lost: int
    doubled: int
    max_energy_difference_wh: float
    oddities: tuple[str, ...]


def compare(stations: Iterable[Line], ledger: Iterable[Line], csms: Iterable[Line]) -> Comparison:
    """Lost: missing, or stopped at the station and running elsewhere. Doubled: more than the station had."""
    own = {line.key: line for line in stations}
    others = {"ledger": list(ledger), "csms": list(csms)}
    lost: set[Key] = set()
    doubled = 0
    difference_wh = 0.0
    oddities: list[str] = []
    for name, lines in others.items():
        counted = Counter(line.key for line in lines)
        missing = [key for key in own if key not in counted]
        extra = sum((counted - Counter(own.keys())).values())
        running = [line.key for line in lines if line.energy_wh is None and _stopped(own.get(line.key))]
        lost.update(missing, running)
        doubled += extra
        oddities += [f"{_show(key)} is missing in the {name}" for key in missing]
        oddities += [f"{_show(key)} still runs in the {name}" for key in running]
        oddities += [f"{_show(key)} is not the station's, in the {name}" for key in counted - Counter(own.keys())]
        for line in lines:
            truth = own.get(line.key)
            if truth is not None and truth.energy_wh is not None and line.energy_wh is not None:
                difference_wh = max(difference_wh, abs(truth.energy_wh - line.energy_wh))
    return Comparison(
        len(own), len(others["ledger"]), len(others["csms"]), len(lost), doubled, difference_wh, tuple(oddities)
    )


def ledger_line(entry: Mapping[str, Any]) -> Line:
    """A line of the daemon's `/v1/transactions`."""
    start, stop = entry["meter_start_wh"], entry["meter_stop_wh"]
    return Line(
        entry["station"],
        entry["evse"],
        entry["id_token"],
        second(entry["started"]),
        round(start) if start is not None else 0,
        stop - start if stop is not None and start is not None else None,
    )


def second(text: str) -> datetime | None:
    """A timestamp of the wire to its second."""
    parsed = parse_timestamp(text)
    return parsed[0].replace(microsecond=0) if parsed else None


class StatusWatch:
    """Reads `sitectl status` as it comes and notes how long a circuit had given away more than it has.

    Reserves alone may exceed a rating (stations that were never heard of count in full); then nothing may be allocated.
    """

    def __init__(self) -> None:
        self.longest_excess_s: dict[str, float] = {}
        self.cycle: Mapping[str, Any] = {}
        self._since: dict[str, float] = {}

    def look(self, status: Mapping[str, Any], now_at: float) -> None:
        self.cycle = status.get("cycle", {})
        for name, circuit in status.get("circuits", {}).items():
            given = [circuit.get(k) or (0, 0, 0) for k in ("allocated_a", "reserved_a", "base_load_a")]
            totals = [sum(a or 0.0 for a in phase) for phase in zip(*given, strict=True) if phase[0]]
            if max(totals, default=0.0) > circuit["rated_a"] + STATUS_SLACK_A:
                excess_s = now_at - self._since.setdefault(name, now_at)
                self.longest_excess_s[name] = max(excess_s, self.longest_excess_s.get(name, 0.0))
            else:
                self._since.pop(name, None)

    def miss(self) -> None:
        """No answer: what was not seen is not counted."""
        self._since.clear()


@dataclass(frozen=True)
class CircuitOutcome:
    rated_a: float
    peak_a: tuple[float, ...]
    overload_as: float
    longest_overload_s: float


@dataclass(frozen=True)
class Report:
    """All that a run showed; `as_json` is the contract of `sitectl demo --json`."""

    stations: int
    seconds: float
    circuits: Mapping[str, CircuitOutcome]
    transactions: Comparison
    energy_wh: float
    used_share: float | None
    commands_per_ev_hour: float | None
    cycle_p50_ms: float | None
    cycle_p99_ms: float | None
    restarts: int = 0
    problems: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "ok": self.ok,
            "stations": self.stations,
            "seconds": round(self.seconds, 1),
            "circuits": {
                name: {
                    "rated_a": outcome.rated_a,
                    "peak_a": [round(a, 1) for a in outcome.peak_a],
                    "overload_as": round(outcome.overload_as, 1),
                    "longest_overload_s": round(outcome.longest_overload_s, 1),
                }
                for name, outcome in self.circuits.items()
            },
            "transactions": {
                "stations": self.transactions.stations,
                "ledger": self.transactions.ledger,
                "csms": self.transactions.csms,
                "lost": self.transactions.lost,
                "doubled": self.transactions.doubled,
                "max_energy_difference_wh": round(self.transactions.max_energy_difference_wh, 1),
            },
            "energy_wh": round(self.energy_wh),
            "used_share": _rounded(self.used_share, 3),
            "commands_per_ev_hour": _rounded(self.commands_per_ev_hour, 1),
            "cycle_ms": {"p50": _rounded(self.cycle_p50_ms, 2), "p99": _rounded(self.cycle_p99_ms, 2)},
            "problems": list(self.problems),
        }

    def as_text(self) -> str:
        lines = [f"{'WELL' if self.ok else 'NOT WELL'}: {self.stations} stations, {self.seconds:.0f} s"]
        for name, o in self.circuits.items():
            peaks = " / ".join(f"{a:.1f}" for a in o.peak_a)
            over = f"over for {o.longest_overload_s:.1f} s at most, {o.overload_as:.0f} As"
            lines.append(
                f"  fuse {name}: {o.rated_a:.0f} A, peaks {peaks} A, {over if o.overload_as else 'never over'}"
            )
        t = self.transactions
        lines.append(
            f"  transactions: {t.stations} at the stations, {t.ledger} in the ledger, {t.csms} at the central;"
            f" {t.lost} lost, {t.doubled} doubled; energy differs by {t.max_energy_difference_wh:.1f} Wh at most"
        )
        used = f", {self.used_share:.0%} of what circuits and cars would have allowed" if self.used_share else ""
        lines.append(f"  energy: {self.energy_wh / 1000:.2f} kWh{used}")
        if self.commands_per_ev_hour is not None:
            lines.append(f"  limits sent: {self.commands_per_ev_hour:.0f} per car and hour")
        if self.cycle_p50_ms is not None and self.cycle_p99_ms is not None:
            lines.append(f"  control cycle: {self.cycle_p50_ms:.1f} ms median, {self.cycle_p99_ms:.1f} ms p99")
        if self.restarts:
            lines.append(f"  the daemon died and was started again {self.restarts} time(s)")
        return "\n".join([*lines, *(f"  PROBLEM: {problem}" for problem in self.problems)])


def judge_wires(fuses: Mapping[str, float], offers: Mapping[str, float], status: Mapping[str, float]) -> list[str]:
    """Problems of circuits whose longest excess, in seconds, outlasted the reaction to a base-load step."""
    kinds = (
        (fuses, "fuse {} was over its rating for {:.1f} s"),
        (offers, "the offers in force on {} exceeded its rating for {:.1f} s"),
        (status, "the daemon had given away more than {} has for {:.1f} s"),
    )
    return [
        words.format(name, excess_s)
        for excesses, words in kinds
        for name, excess_s in excesses.items()
        if excess_s > REACTION_S
    ]


def judge_transactions(comparison: Comparison) -> list[str]:
    problems = []
    if comparison.lost:
        problems.append(f"{comparison.lost} transaction(s) lost")
    if comparison.doubled:
        problems.append(f"{comparison.doubled} transaction(s) doubled")
    return problems + list(comparison.oddities)


def _stopped(line: Line | None) -> bool:
    return line is not None and line.energy_wh is not None


def _show(key: Key) -> str:
    station, connector, id_tag, started, _ = key
    return f"transaction {station}/{connector} {id_tag} of {started:%H:%M:%S}" if started else f"transaction {key}"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
