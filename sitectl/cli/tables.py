"""Answers of the daemon as tables for people: colour on a terminal, plain text otherwise.

What stations and centrals say of themselves is shown as text and nothing else: no markup, no control characters.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from sitectl.cli.control_table import control_lines

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
    "quarantined": "yellow",
    "failsafe": "bold red",
    "stale": "red",
    "lost": "bold red",
    "offline": "red",
    "refused": "red",
    "dead": "bold red",
    "ignores": "red",
    "uncontrolled": "red",
}
NARROW = 110
PLAIN_WIDTH = 250
"""Without a terminal nothing is cut to a width."""

Answer = dict[str, Any]
View = Callable[[Answer, bool], RenderableType]
"""A table of an answer; the second argument: whether there is little room."""


def show(console: Console, answer: Answer, view: View) -> None:
    """Print an answer the way its reader can take it."""
    if not console.is_terminal:
        console = Console(file=console.file, width=PLAIN_WIDTH, no_color=True, highlight=False)
    console.print(view(answer, console.width < NARROW))


def clean(value: object) -> str:
    """One line of printable text."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(value))


WRAPPED = ("WHAT AND WHAT TO DO", "WHY", "BECAUSE", "REASON", "UPLINKS", "TOKEN", "VALUE")
"""Columns that give way where there is little room."""


def new_table(*columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table; these columns, of which `right` are set to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for column in columns:
        justify: Literal["right", "left"] = "right" if column in right else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column not in WRAPPED)
    return table


def add_row(table: Table, *cells: object) -> None:
    """One more row; what is not styled is shown as text and nothing else."""
    table.add_row(*(cell if isinstance(cell, Text) else Text(clean(cell)) for cell in cells))


def _state(word: str | None) -> Text:
    return Text(clean(word or "-"), style=STATE_STYLE.get(word or "", ""))


def _a(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _phases(values: Sequence[float] | None, digits: int = 1) -> str:
    return "-" if values is None else "/".join(f"{a:.{digits}f}" for a in values)


# --- the site ---------------------------------------------------------------------------------------------------------


def status(answer: Answer, narrow: bool) -> RenderableType:
    """One look: the site, its problems, circuits, meters, uplinks, stations."""
    cycle, totals = answer["cycle"], answer["transactions"]
    head = Text.assemble((clean(answer["site"]), "bold"), "  ", _state(answer["state"]), f"  {answer['time']}")
    ticking = f"cycle {cycle['count']}, {_a(cycle['ms_p50'])} ms (p99 {_a(cycle['ms_p99'])} ms)"
    counts = [_a(totals[key], 0) for key in ("open", "unsent", "dead")]
    ledger = "transactions: {} open, {} messages unsent, {} dead; ".format(*counts) + ticking
    parts: list[RenderableType] = [head, Text(ledger), ""]
    if answer["problems"]:
        parts += [problems(answer["problems"], answer["time"]), ""]
    parts += [circuits(answer["circuits"], narrow), ""]
    if answer.get("ceilings"):
        parts += [ceilings(answer["ceilings"]), ""]
    parts += [meters(answer, narrow), "", uplinks(answer, narrow), ""]
    return Group(*parts, stations(answer, narrow))


def problems(found: Sequence[Answer], now: str) -> RenderableType:
    """What is wrong, since when (with the day, where that is not today), and what to do."""
    table = new_table("PROBLEM", "SINCE", "WHAT AND WHAT TO DO")
    for problem in found:
        text = Text.assemble((clean(problem["what"]).rstrip("."), "yellow"), ". ", clean(problem["do"]))
        since = problem["since"]
        add_row(table, problem["where"], since[11:19] if since[:10] == now[:10] else since[5:16], text)
    return table


def circuits(found: Answer, narrow: bool) -> RenderableType:
    """Circuits, ampere on L1/L2/L3, and what happens if the box dies."""
    right = ("RATED A", "MEASURED", "BASE", "RESERVED", "ALLOCATED")
    table = new_table("CIRCUIT", *right, "METER", right=right)
    for name, circuit in found.items():
        amperes = [
            _phases(circuit[key], 0 if narrow else 1)
            for key in ("measured_a", "base_load_a", "reserved_a", "allocated_a")
        ]
        add_row(table, name, f"{circuit['rated_a']:g}", *amperes, _state(circuit["meter"]))
    return Group(table, *_if_dead(found))


def _if_dead(found: Answer) -> Iterator[Text]:
    for circuit in found.values():
        dead = circuit["if_dead"]
        if dead is not None:
            verdict = ("holds", "green") if dead["holds"] else ("not proven to hold", "yellow")
            yield Text.assemble(clean(dead["text"]), ": ", verdict)


def ceilings(found: Sequence[Answer]) -> RenderableType:
    """What others ask for beside the configuration."""
    table = new_table("CEILING", "A", "OWNER", "UNTIL", right=("A",))
    for one in found:
        add_row(table, _place(one), _a(one["ceiling_a"]), one["source"], one["until"] or "no end")
    return table


def _place(one: Answer) -> str:
    """What a ceiling is on."""
    if one.get("circuit") is not None:
        return f"circuit {one['circuit']}"
    return f"{one['station']}:{one['evse']}" if one["evse"] else f"station {one['station']}"


def ceiling(answer: Answer, narrow: bool) -> RenderableType:
    """A ceiling that was set or withdrawn."""
    if answer["ceiling_a"] is None:
        there = "withdrawn" if answer["cleared"] else "no ceiling was set"
        return Text(clean(f"{_place(answer)}: {there}"))
    until = f"until {answer['until']}" if answer["until"] else "until it is withdrawn (--clear)"
    text = f"{_place(answer)}: at most {answer['ceiling_a']:g} A per phase {until}"
    return Text("\n").join(Text(clean(line)) for line in (text, *answer["notes"]))


def meters(answer: Answer, narrow: bool) -> RenderableType:
    """Grid meters."""
    table = new_table("METER", "STATE", "AGE s", "CURRENT A", "POWER W", right=("AGE s", "CURRENT A", "POWER W"))
    for name, meter in answer["meters"].items():
        current, power = _phases(meter["current_a"]), _a(meter["power_w"], 0)
        add_row(table, name, _state(meter["state"]), _a(meter["age_s"]), current, power)
    return table if answer["meters"] else Text("no meters: circuits are shared as if their worst base load were drawn")


def uplinks(answer: Answer, narrow: bool) -> RenderableType:
    """Central CSMSs."""
    right = ("STATIONS", "BACKLOG", "OLDEST s", "DEAD")
    table = new_table("UPLINK", "STATE", *right, right=right)
    for name, uplink in answer["uplinks"].items():
        row = (uplink["stations"], uplink["backlog"], _a(uplink["oldest_s"]), uplink["dead"])
        add_row(table, name, _state(uplink["state"]), *row)
    return table if answer["uplinks"] else Text("no uplinks: stations are not shown to any central system")


# --- stations ---------------------------------------------------------------------------------------------------------


def stations(answer: Answer, narrow: bool) -> RenderableType:
    """Stations, a line an EVSE."""
    table = _evsenew_table(narrow)
    for name, station in answer["stations"].items():
        _add_station(table, name, station, narrow)
    return table if answer["stations"] else Text("no stations: list them under `stations` in the configuration")


def station(answer: Answer, narrow: bool) -> RenderableType:
    """One station: who it says it is, and its EVSEs."""
    parts: list[RenderableType] = []
    for name, found in answer["stations"].items():
        online = _state("online" if found["online"] else "offline")
        said = [clean(found[key]) for key in ("vendor", "model", "firmware") if found[key]]
        version = f"OCPP {clean(found['ocpp'])}" if found["ocpp"] else ""
        parts.append(Text("  ").join([Text(clean(name), "bold"), online, Text(version), Text(" ".join(said))]))
        parts += [Text(clean(f"EVSE {number}: {_wish(wish)}")) for number, wish in _wishes(found)]
    told = [Text(clean(line)) for found in answer["stations"].values() for line in control_lines(found)]
    if told:
        told.insert(0, Text(""))
    return Group(*parts, "", stations(answer, narrow), *told)


def _wishes(station: Answer) -> Iterator[tuple[str, Answer]]:
    return ((number, wish) for number, evse in station["evses"].items() if (wish := evse.get("wish")) is not None)


def _wish(wish: Answer) -> str:
    """When a car leaves, and what that makes of it."""
    text = f"leaves in {max(0, wish['departs_in_s']) / 60:.0f} min"
    if wish["energy_kwh"] is not None:
        text += f" with {wish['energy_kwh']:g} kWh, of which it has taken {wish['taken_kwh'] or 0:g}"
    place = {0: "goes first", 1: "goes before the rest"}.get(wish["class"], "goes like the rest")
    return f"{text}, says {wish['source']}; {place}"


def _evsenew_table(narrow: bool) -> Table:
    if narrow:
        return new_table("EVSE", "STATUS", "LIMIT A", "MEASURED A", "WHY", right=("LIMIT A", "MEASURED A"))
    right = ("LIMIT A", "ACCEPTED A", "COUNTS A", "MEASURED A")
    return new_table("EVSE", "STATUS", *right, "OBEYS", "WHY", right=right)


def _add_station(table: Table, name: str, station: Answer, narrow: bool) -> None:
    if station["quarantined"]:
        unknown = ["-"] * (2 if narrow else 5)
        add_row(table, name, _state("quarantined"), *unknown, "in quarantine: answered Pending, counted on the root")
    for number, evse in station["evses"].items():
        shown = Text(clean(evse["charging_state"] or evse["connector_status"] or "-"))
        state = shown if station["online"] else _state("offline")
        limit, measured = _a(evse["limit_a"]), _phases(evse["measured_a"])
        if narrow:
            add_row(table, f"{name}:{number}", state, limit, measured, evse["reason"])
        else:
            accepted, counts = _a(evse["acknowledged_a"]), _a(evse["counts_a"])
            row = (state, limit, accepted, counts, measured, _state(station["obeys"]), evse["reason"])
            add_row(table, f"{name}:{number}", *row)


def why(answer: Answer, narrow: bool) -> RenderableType:
    """The chain behind one limit."""
    told = "was never told a limit" if answer["limit_a"] is None else f"is allowed {_a(answer['limit_a'])} A"
    title = f"{answer['station']}:{answer['evse']} {told} at {answer['time']}"
    table = new_table("STEP", "WHERE", "A", "BECAUSE", right=("A",))
    for step in answer["chain"]:
        where = " ".join(step[key] for key in ("circuit", "phase") if step.get(key))
        add_row(table, step["step"], where, _a(step["a"]), step["text"])
    differs = [Text(clean(answer["differs"]), style="yellow")] if answer.get("differs") else []
    return Group(Text(clean(title), style="bold"), *differs, "", table)


# --- the ledger -------------------------------------------------------------------------------------------------------


def transactions(answer: Answer, narrow: bool) -> RenderableType:
    """The ledger."""
    table = new_table("STARTED", "STOPPED", "EVSE", "TOKEN", "ENERGY Wh", "REASON", "UPLINKS", right=("ENERGY Wh",))
    moment, time = (slice(5, 16), slice(11, 16)) if narrow else (slice(None), slice(None))
    for row in answer["transactions"]:
        start, stop = row["meter_start_wh"], row["meter_stop_wh"]
        energy = "-" if stop is None else "reset" if stop < start else str(stop - start)
        copies = ", ".join(f"{name} {copy['state']}" for name, copy in row["uplinks"].items()) or "-"
        reason = (row["reason"] or "-") + (" (synthetic)" if row["synthetic"] else "")
        stopped = row["stopped"][time] if row["stopped"] else "running"
        evse = f"{row['station']}:{row['evse']}"
        add_row(table, row["started"][moment], stopped, evse, row["id_token"], energy, reason, copies)
    return table if answer["transactions"] else Text("no transactions")


def dead_letters(answer: Answer, narrow: bool) -> RenderableType:
    """What centrals refused for good: which message, when, why; the id is what `transaction requeue` takes."""
    table = new_table("TRANSACTION", "EVSE", "UPLINK", "MESSAGE", "GIVEN UP", "TRIES", "WHY", right=("TRIES",))
    moment = slice(5, 16) if narrow else slice(None)
    for row in answer["transactions"]:
        id = row["id"][:8] if narrow else row["id"]
        for letter in row["dead_letters"]:
            given_up = (letter["given_up"] or "-")[moment]
            message = (letter["uplink"], letter["action"], given_up, letter["attempts"], letter["why"])
            add_row(table, id, f"{row['station']}:{row['evse']}", *message)
    if not answer["transactions"]:
        return Text("no dead messages")
    return Group(table, "", Text("`sitectl transaction requeue ID` sends them again, once the cause is mended."))


def requeued(answer: Answer, narrow: bool) -> RenderableType:
    """What waits to be sent again."""
    counts = ", ".join(f"{count} for {name}" for name, count in answer["requeued"].items())
    return Text(clean(f"transaction {answer['transaction']}: messages that wait again: {counts}"))


def availability(answer: Answer, narrow: bool) -> RenderableType:
    """Whether a station, or one of its EVSEs, is in service."""
    place = f"{answer['station']}:{answer['evse']}" if answer["evse"] else answer["station"]
    wish = "in service" if answer["operative"] else "out of service"
    later = " as soon as it is there, has ended its transaction, or nobody else keeps it out"
    return Text(clean(f"{place}: {wish}{later if answer['status'] == 'Scheduled' else ''}"))


def departure(answer: Answer, narrow: bool) -> RenderableType:
    """When a car leaves."""
    place = f"{answer['station']}:{answer['evse']}"
    if answer["departs"] is None:
        return Text(clean(f"{place}: {'withdrawn' if answer['cleared'] else 'nothing had been said of it'}"))
    needs = "" if answer["energy_kwh"] is None else f" with {answer['energy_kwh']:g} kWh"
    lost = "" if answer["kept"] else "; the disk did not take it: a restart forgets it"
    return Text(clean(f"{place}: leaves at {answer['departs']}{needs}, says {answer['source']}{lost}"))


SHOWN_OF_A_FRAME = 300


def timeline(answer: Answer, raw: bool) -> Iterator[Text]:
    """What happened at a station, a line each; with `raw` each frame whole."""
    if answer["more"]:
        yield Text("… there is more before this: --limit shows more, --search less", "yellow")
    for entry in answer["entries"]:
        yield _entry(answer["station"], entry, raw)
    if not answer["entries"]:
        yield Text("nothing happened in this time, as far as is known; --since goes further back")


def _entry(station: str, entry: Answer, raw: bool) -> Text:
    time = entry["time"]
    if entry["kind"] == "event":
        where = "" if entry["evse"] is None else f":{entry['evse']} "
        return Text(clean(f"{time}  * {entry['type']} {where}{facts(entry['data'])}".rstrip()), "bold")
    sent = entry["direction"] == "sent"
    peer = entry["uplink"] or station
    way = f"us → {peer}" if sent else f"{peer} → us"
    what = entry["action"] or "-"
    if entry["kind"] != "call":
        what = f"{what} ({entry['kind']})"
    said = entry["frame"]
    if not raw:
        said = said if entry["payload"] is None else json.dumps(entry["payload"], ensure_ascii=False)
        said = said if len(said) <= SHOWN_OF_A_FRAME else f"{said[:SHOWN_OF_A_FRAME]}…"
    style = "red" if entry["kind"] in ("error", "unreadable") else ""
    return Text(clean(f"{time}  {way:<20} {what:<28} {said}"), style)


def event(row: Answer, width: int | None = None) -> str:
    """One line of the journal; on a terminal of that width as many as it takes, with what goes on set in."""
    where = ":".join(str(row[key]) for key in ("station", "evse") if row.get(key) is not None)
    said = facts(row.get("data") or {})
    if width is None or width >= NARROW:
        line = clean(f"{row['time']}  {row['type']:<24} {where:<12} {said}".rstrip())
    else:
        line = clean(f"{row['time'][5:19]} {row['type']:<20} {where:<7} {said}".rstrip())
    if width is None or len(line) <= width:
        return line
    return "\n".join(textwrap.wrap(line, width, subsequent_indent=" " * 4, break_on_hyphens=False))


def facts(data: Answer) -> str:
    """What an event tells, each as `key=value`."""
    return " ".join(f"{key}={_fact(value)}" for key, value in data.items())


def _fact(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
    return str(value)
