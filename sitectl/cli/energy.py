"""The command that shows how much energy flowed: by days, months or quarters of an hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from sitectl.cli.asking import DEFAULT_CONFIG, AsJson, Config, Socket, ask, show_answer, tell_of_strangers
from sitectl.cli.since import day_or_time
from sitectl.cli.tables import Answer, add_row, new_table

EXAMPLES = """\b
  sitectl energy                                    the last week by days
  sitectl energy --by month --since 365d            a year by months
  sitectl energy --by quarter --station CP01        one station, the last day by quarters of an hour
  sitectl energy --since 2026-11-01 --until 2026-11-30 --circuit grid --json
"""
NOTES = {
    "began": "nothing was counted when it began yet",
    "meter": "the meter was not read",
    "station": "the station was away",
    "reset": "an energy register jumped",
    "no_register": "neither an energy register nor a power is told",
    "part": "of a station below it is not known",
    "clock": "the clock was set",
    "down": "sitectl did not run",
    "sum": "known in sum, not by quarters",
}


class By(StrEnum):
    """How long a line stands for."""

    QUARTER = "quarter"
    DAY = "day"
    MONTH = "month"


def energy(
    by: Annotated[By, typer.Option(help="What a line stands for.")] = By.DAY,
    since: Annotated[str | None, typer.Option(help="How far back: 12h, 7d, 365d, a date, or a time.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to then: as --since; default: now.")] = None,
    circuit: Annotated[str | None, typer.Option(help="Only this circuit.")] = None,
    station: Annotated[str | None, typer.Option(help="Only this station.")] = None,
    evse: Annotated[int | None, typer.Option(min=1, help="Only this EVSE of stations.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """How much energy flowed through each circuit and EVSE. What is not known is left open, and said."""
    query = {"by": by.value, "since": day_or_time(since), "until": day_or_time(until, "--until")}
    query |= {"circuit": circuit, "station": station, "evse": None if evse is None else str(evse)}
    answer = ask(config, socket, lambda client: client.get("energy", long=True, **query))
    show_answer(answer, as_json, table)
    if not answer["periods"]:
        tell_of_strangers(config, socket, station, circuit)


def table(answer: Answer, narrow: bool) -> RenderableType:
    """A line for each period and place, in kWh; a * where it is not known in whole."""
    if not answer["periods"]:
        return Text("nothing is counted in this time: the first quarter of an hour is written when it is over")
    zone = zone_named(answer["zone"])
    by = {"quarter": "QUARTER", "day": "DAY", "month": "MONTH"}[answer["by"]]
    shown = new_table(by, "PLACE", "WHAT", "kWh", "", right=("kWh",))
    before = ""
    for one in answer["periods"]:
        begin = _begin(one["begin"], answer["by"], zone)
        add_row(shown, "" if begin == before else begin, _place(one), _what(one, narrow), *_kwh(one))
        before = begin
    return Group(shown, *_remarks(answer["periods"]))


def zone_named(name: str) -> tzinfo:
    """The site's zone, by which days begin."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _begin(text: str, by: str, zone: tzinfo) -> str:
    moment = datetime.fromisoformat(text).astimezone(zone)
    if by == "quarter":
        return f"{moment:%Y-%m-%d %H:%M%z}"
    return f"{moment:%Y-%m-%d}" if by == "day" else f"{moment:%Y-%m}"


def _place(one: Answer) -> str:
    return str(one["circuit"]) if one["circuit"] is not None else f"{one['station']}:{one['evse']}"


def _what(one: Answer, narrow: bool) -> str:
    words = {"evse": "EVSE", "import": "from the grid", "export": "into the grid", "stations": "all its stations"}
    short = {"evse": "EVSE", "import": "import", "export": "export", "stations": "stations"}
    return (short if narrow else words)[one["kind"]]


def _kwh(one: Answer) -> tuple[str, str]:
    if one["wh"] is not None:
        return f"{one['wh'] / 1000:.3f}", ""
    missing_s = one["missing_s"]
    return (f"{one['known_wh'] / 1000:.3f}" if one["known_wh"] else "-"), f"* {missing_s / 3600:.4g} h missing"


def _remarks(periods: Sequence[Answer]) -> Sequence[Text]:
    if all(one["wh"] is not None for one in periods):
        return ()
    told: dict[str, Any] = dict.fromkeys(note for one in periods if one["wh"] is None for note in one["notes"])
    why = "; ".join(NOTES.get(note, note) for note in told if note != "sum")
    return (Text(f"* not known in whole; what is shown is known of it. Why: {why or 'not said'}"),)
