"""Answers of the daemon as tables for people: colour on a terminal, plain text otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

STATE_STYLE = {
    "ok": "bold green",
    "fresh": "green",
    "online": "green",
    "proven": "green",
    "acked": "green",
    "degraded": "bold yellow",
    "late": "yellow",
    "connecting": "yellow",
    "pending": "yellow",
    "sent": "yellow",
    "failsafe": "bold red",
    "stale": "red",
    "lost": "bold red",
    "offline": "red",
    "refused": "red",
    "dead": "bold red",
    "ignores": "red",
    "uncontrolled": "red",
}
NARROW = 100


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def _state(word: str | None) -> Text:
    return Text(word or "-", style=STATE_STYLE.get(word or "", ""))


def _a(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _phases(values: Sequence[float] | None) -> str:
    return "-" if values is None else " ".join(f"{a:5.1f}" for a in values)


def status(answer: dict[str, Any]) -> RenderableType:
    """One look: the site, its problems, circuits, meters, uplinks, stations."""
    cycle = answer["cycle"]
    head = Text.assemble(
        (answer["site"], "bold"),
        "  ",
        _state(answer["state"]),
        f"   {answer['time']}   cycle {cycle['count']}, {_a(cycle['ms_p50'])} ms (p99 {_a(cycle['ms_p99'])} ms)",
    )
    totals = answer["transactions"]
    ledger = Text(f"transactions: {totals['open']} open, {totals['unsent']} messages unsent, {totals['dead']} dead")
    parts: list[RenderableType] = [head, ledger]
    if answer["problems"]:
        parts += ["", problems(answer["problems"])]
    parts += ["", circuits(answer["circuits"]), "", meters(answer["meters"]), "", uplinks(answer["uplinks"])]
    return Group(*parts, "", stations(answer["stations"]))


def problems(found: Sequence[dict[str, Any]]) -> RenderableType:
    """What is wrong and what to do."""
    table = _table("PROBLEM", "WHERE", "SINCE", "WHAT TO DO")
    for problem in found:
        table.add_row(Text(problem["what"], style="yellow"), problem["where"], problem["since"][11:19], problem["do"])
    return table


def circuits(found: dict[str, Any]) -> RenderableType:
    """Circuits per phase, and what happens if the box dies."""
    table = _table(
        "CIRCUIT", "RATED", "MEASURED A", "BASE A", "RESERVED A", "ALLOCATED A", "METER", "IF THIS BOX DIES NOW"
    )
    for name, circuit in found.items():
        dead = circuit["if_dead"]
        words = "-"
        if dead is not None:
            lasting = f" for {dead['for_s']:.0f} s" if dead["ratio"] > 1 else ""
            holds = "holds" if dead["holds"] else "NOT proven"
            words = f"at worst {dead['ratio']:.2f} x{lasting} on {dead['phase']}: {holds}"
        table.add_row(
            name,
            f"{circuit['rated_a']:g}",
            _phases(circuit["measured_a"]),
            _phases(circuit["base_load_a"]),
            _phases(circuit["reserved_a"]),
            _phases(circuit["allocated_a"]),
            _state(circuit["meter"]),
            words,
        )
    return table


def meters(found: dict[str, Any]) -> RenderableType:
    """Grid meters."""
    table = _table("METER", "STATE", "AGE s", "CURRENT A", "POWER W", right=("AGE s", "POWER W"))
    for name, meter in found.items():
        power = "-" if meter["power_w"] is None else f"{meter['power_w']:.0f}"
        table.add_row(name, _state(meter["state"]), _a(meter["age_s"]), _phases(meter["current_a"]), power)
    return table


def uplinks(found: dict[str, Any]) -> RenderableType:
    """Central CSMSs."""
    table = _table("UPLINK", "STATE", "STATIONS", "BACKLOG", "OLDEST s", "DEAD", right=("STATIONS", "BACKLOG", "DEAD"))
    for name, uplink in found.items():
        row = (str(uplink["stations"]), str(uplink["backlog"]), _a(uplink["oldest_s"]), str(uplink["dead"]))
        table.add_row(name, _state(uplink["state"]), *row)
    return table if found else Text("no uplinks: stations are not shown to any central system")


def stations(found: dict[str, Any]) -> RenderableType:
    """Stations, a line an EVSE."""
    table = _table(
        "STATION",
        "EVSE",
        "ONLINE",
        "STATUS",
        "LIMIT A",
        "ACK A",
        "MEASURED A",
        "OBEYS",
        "WHY",
        right=("LIMIT A", "ACK A"),
    )
    for name, station in found.items():
        online = Text("yes", style="green") if station["online"] else Text("no", style="red")
        if station["quarantined"]:
            table.add_row(name, "-", online, Text("quarantined", style="yellow"), "-", "-", "-", "-", "not listed")
        for number, evse in station["evses"].items():
            table.add_row(
                name,
                number,
                online,
                evse["charging_state"] or evse["connector_status"] or "-",
                _a(evse["limit_a"]),
                _a(evse["acknowledged_a"]),
                _phases(evse["measured_a"]),
                _state(station["obeys"]),
                evse["reason"],
            )
    return table


def transactions(found: Sequence[dict[str, Any]]) -> RenderableType:
    """The ledger."""
    table = _table(
        "STARTED", "STATION", "EVSE", "TOKEN", "ENERGY Wh", "STOPPED", "REASON", "UPLINKS", right=("ENERGY Wh",)
    )
    for row in found:
        stop = row["meter_stop_wh"]
        energy = "-" if stop is None else str(stop - row["meter_start_wh"])
        copies = ", ".join(f"{name} {copy['state']}" for name, copy in row["uplinks"].items()) or "-"
        reason = (row["reason"] or "-") + (" (synthetic)" if row["synthetic"] else "")
        stopped = row["stopped"] or "running"
        table.add_row(
            row["started"], row["station"], str(row["evse"]), row["id_token"], energy, stopped, reason, copies
        )
    return table if found else Text("no transactions")


def why(answer: dict[str, Any]) -> RenderableType:
    """The chain behind one limit."""
    title = f"{answer['station']}:{answer['evse']} is allowed {_a(answer['limit_a'])} A at {answer['time']}"
    table = _table("STEP", "WHERE", "A", "BECAUSE", right=("A",))
    for step in answer["chain"]:
        where = " ".join(step[key] for key in ("circuit", "phase") if step.get(key))
        table.add_row(step["step"], where, _a(step["a"]), step["text"])
    return Group(Text(title, style="bold"), "", table)


def event(row: dict[str, Any]) -> str:
    """One line of the journal."""
    where = " ".join(str(row[key]) for key in ("station", "evse") if row.get(key) is not None)
    data = " ".join(f"{key}={value}" for key, value in (row.get("data") or {}).items())
    return escape(f"{row['time']}  {row['type']:<28} {where:<16} {data}".rstrip())


def show(console: Console, answer: RenderableType) -> None:
    """Print; without a terminal nothing is cut to a width."""
    if not console.is_terminal:
        console = Console(file=console.file, width=250, no_color=True, highlight=False)
    console.print(answer)
