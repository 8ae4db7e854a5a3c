"""What `sitectl top` shows, as lines of text: answers of the daemon in, styled text out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from sitectl.cli.tables import STATE_STYLE, clean, facts

Answer = dict[str, Any]
Row = tuple[str, tuple[Text, ...]]
"""Station and EVSE as `CP01:1`, and its cells."""

COLUMNS = ("STATION", "STATUS", "LIMIT", "DRAWS", "TXN", "REASON")
LEAST = {"STATION": 12, "STATUS": 11, "LIMIT": 5, "DRAWS": 8, "TXN": 6, "REASON": 12}
SHARES = {"STATION": 24, "STATUS": 14, "LIMIT": 6, "DRAWS": 12, "TXN": 10, "REASON": 12}
"""Widths where there is little room, and where there is much; the reason gets what is left."""

NAME, NUMBER = 14, 4
NARROW = 110
WIDEST = 40
"""Of a bar."""


def head(status: Answer | None, away: str) -> Text:
    """The site at one look; `away`: why it is not fresh, empty where it is."""
    if status is None:
        return Text(away or "asking the daemon …", style="bold red" if away else "")
    cycle, totals = status["cycle"], status["transactions"]
    told: list[str | tuple[str, str]] = [
        (clean(status["site"]), "bold"),
        " ",
        (status["state"], STATE_STYLE.get(status["state"], "")),
        f"  {status['time'][11:19]}Z  {_online(status)} online",
        f"  {_number(totals['open'])} charging  {_number(totals['unsent'])} unsent",
        f"  cycle {_number(cycle['ms_p99'])} ms",
    ]
    return Text.assemble((f"{away}  " if away else "", "bold red"), *told)


def _online(status: Answer) -> str:
    listed = [one for one in status["stations"].values() if not one["quarantined"]]
    return f"{sum(1 for one in listed if one['online'])}/{len(listed)}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def problem(status: Answer) -> Text:
    """The first problem, and how many more there are."""
    found = status["problems"]
    if not found:
        return Text("no problems", style="green")
    more = f" (+{len(found) - 1})" if len(found) > 1 else ""
    first = found[0]
    what = f"{clean(first['where'])}: {clean(first['what'])}{more}"
    return Text.assemble((what, "yellow"), f"  {clean(first['do'])}")


def circuits(status: Answer, parents: Mapping[str, str | None], width: int) -> Text:
    """The tree, a line for each circuit: on each phase a bar of its rating with base load, allocation and the meter."""
    wide = max(4, min(WIDEST, (width - NAME - 3 * (NUMBER + 5)) // 3))
    lines = []
    for name, depth in tree(list(status["circuits"]), parents):
        circuit = status["circuits"][name]
        label = f"{'  ' * depth}{name} {circuit['rated_a']:g}A"
        line = Text(clean(label)[:NAME].ljust(NAME), style="bold" if depth == 0 else "")
        for phase in range(3):
            measured = _of(circuit["measured_a"], phase)
            line.append(f" L{phase + 1} ")
            line.append_text(bar(circuit, phase, wide))
            shown = f"{measured:.0f}" if measured is not None else "-"
            line.append(f" {shown:>{NUMBER - 1}}", style="bold red" if _is_over(circuit, measured) else "")
        lines.append(line)
    return Text("\n").join(lines)


def tree(names: Sequence[str], parents: Mapping[str, str | None]) -> Iterator[tuple[str, int]]:
    """Circuits with their depths, each below its parent; one whose parent is not known stands at the top."""

    def below(parent: str | None, depth: int) -> Iterator[tuple[str, int]]:
        for name in names:
            above = parents.get(name)
            if (above if above in names else None) == parent and name != parent:
                yield name, depth
                if depth < len(names):
                    yield from below(name, depth + 1)

    yield from below(None, 0)


def bar(circuit: Answer, phase: int, width: int) -> Text:
    """Base load, what is allocated above it, and where the meter stands, on the way to the rating."""
    rated = circuit["rated_a"] or 1.0
    base, given = (max(0.0, _of(circuit[key], phase) or 0.0) for key in ("base_load_a", "allocated_a"))
    measured = _of(circuit["measured_a"], phase)
    base_cells = min(width, round(base / rated * width))
    given_cells = min(width - base_cells, round(given / rated * width))
    text = Text()
    text.append("█" * base_cells, style="blue")
    text.append("▒" * given_cells, style="green")
    text.append("·" * (width - base_cells - given_cells), style="dim")
    if measured is None:
        return text
    at = min(width - 1, max(0, round(measured / rated * width)))
    style = "bold red" if _is_over(circuit, measured) else "bold"
    return Text.assemble(text[:at], ("┃", style), text[at + 1 :])


def _of(values: Sequence[float] | None, phase: int) -> float | None:
    return None if values is None else values[phase]


def _is_over(circuit: Answer, measured: float | None) -> bool:
    return measured is not None and measured > circuit["rated_a"]


def rows(status: Answer, wanted: str) -> list[Row]:
    """A row for each EVSE in which the text occurs, whatever its case."""
    found = []
    for id, station in status["stations"].items():
        for number, evse in station["evses"].items() or (("-", None),):
            name = f"{id}:{number}" if len(station["evses"]) > 1 else id
            cells = _cells(name, station, evse)
            if wanted.casefold() in " ".join(cell.plain for cell in cells).casefold():
                found.append((f"{id}:{number}", cells))
    return found


def widths(width: int) -> dict[str, int]:
    """Of the columns, each with a blank on both sides, beside a scroll bar."""
    found = dict(SHARES if width >= NARROW else LEAST)
    found["REASON"] = max(found["REASON"], width - 4 - sum(found.values()) - 2 * len(found) + found["REASON"])
    return found


def _cells(name: str, station: Answer, evse: Answer | None) -> tuple[Text, ...]:
    if station["quarantined"]:
        return (Text(clean(name)), Text("quarantined", style="yellow"), *[Text("-")] * 3, Text("nobody has listed it"))
    if evse is None:
        return (Text(clean(name)), *[Text("-")] * 5)
    state = evse["charging_state"] or evse["connector_status"] or "-"
    word = state if station["online"] else "offline"
    style = "red" if word in ("offline", "Faulted") else "green" if word == "Charging" else ""
    draws = "/".join(f"{a:.0f}" for a in evse["measured_a"]) if evse["measured_a"] else "-"
    obeys = "" if station["obeys"] in ("proven", "unknown") else f"{station['obeys']}: "
    return (
        Text(clean(name)),
        Text(clean(word), style=style),
        Text("-" if evse["limit_a"] is None else f"{evse['limit_a']:.1f}", justify="right"),
        Text(draws, justify="right"),
        Text(clean(evse["transaction"] or "-")[:8]),
        Text(clean(obeys + (evse["reason"] or ""))),
    )


def uplinks(status: Answer) -> Text:
    """The central systems in a line."""
    if not status["uplinks"]:
        return Text("no uplinks", style="dim")
    line = Text("uplinks ")
    for name, one in status["uplinks"].items():
        oldest = "" if one["oldest_s"] is None else f", oldest {one['oldest_s']:.0f} s"
        dead = f", {one['dead']} dead" if one["dead"] else ""
        line.append(f" {clean(name)} ", style="bold")
        line.append(one["state"], style=STATE_STYLE.get(one["state"], ""))
        line.append(f" {one['stations']} stations, backlog {one['backlog']}{oldest}{dead} ")
    return line


def event(one: Answer) -> Text:
    """What happened, in a line."""
    where = "" if one["station"] is None else f" {one['station']}" + (f":{one['evse']}" if one["evse"] else "")
    when, what = (one["time"][11:19], "dim"), (clean(one["type"]), "cyan")
    return Text.assemble(when, f"{clean(where)} ", what, f" {clean(facts(one['data'] or {}))}")


def detail(id: str, station: Answer, why: Answer | None) -> Text:
    """One station with the chain of its limit."""
    seen = station["stations"][id]
    made = " ".join(clean(seen[key]) for key in ("vendor", "model", "firmware") if seen[key])
    lines = [
        Text.assemble((clean(id), "bold"), f"  {made or 'never said who it is'}"),
        Text(f"OCPP {seen['ocpp'] or '-'}  {'online' if seen['online'] else 'offline'}  obeys: {seen['obeys']}"),
    ]
    for number, evse in seen["evses"].items():
        lines.append(
            Text(
                f"EVSE {number}: {evse['charging_state'] or evse['connector_status'] or '-'},"
                f" limit {_number(evse['limit_a'])} A, accepted {_number(evse['acknowledged_a'])} A,"
                f" fallback {_number(evse['fallback_a'])} A, transaction {clean(evse['transaction'] or '-')}"
            )
        )
    if why is not None:
        lines += [Text(""), Text(f"why {_number(why['limit_a'])} A on EVSE {why['evse']}", style="bold")]
        for step in why["chain"]:
            lines.append(Text(f"{_number(step['a']):>6}  {clean(step['text'])}"))
    return Text("\n").join(lines)
