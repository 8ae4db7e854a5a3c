"""`sitectl station quirks`: what is known of one station beyond the standard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from sitectl.cli.asking import DEFAULT_CONFIG, AsJson, Config, Socket, ask, show_answer
from sitectl.cli.tables import Answer, add_row, clean, new_table

LEARNED = {
    "answers_pings": "answers pings",
    "call_timeout_s": "is waited for, for s",
    "clock_ahead_s": "its clock is ahead by s",
    "stamps_in_local_time": "stamps in local time",
    "configuration_keys_read": "configuration keys read",
}


def station_quirks(
    id: Annotated[str, typer.Argument(help="The station.")],
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Show which sheets fit a station, how it deviates from the standard, and what was learned of it."""
    answer = ask(config, socket, lambda client: client.get("stations", id, "quirks"))
    show_answer(answer, as_json, quirks)


def quirks(answer: Answer, narrow: bool) -> RenderableType:
    """All that is known, the sheets first."""
    who = " ".join(filter(None, (answer["vendor"], answer["model"], answer["firmware"]))) or "has not said who it is"
    parts: list[RenderableType] = [Text(clean(f"{answer['station']}: {who}"))]
    if answer["flags"]:
        table = new_table("flag", "is", "says", *([] if narrow else ["sheet"]))
        for one in answer["flags"]:
            add_row(table, one["flag"], _word(one["value"]), one["says"], *([] if narrow else [one["sheet"]]))
        parts.append(table)
    return Group(*parts, *(Text(clean(line)) for line in _lines(answer)))


def _lines(answer: Answer) -> Iterator[str]:
    if not answer["sheets"]:
        yield "no sheet fits it: it is taken as the standard says"
    for sheet in answer["sheets"]:
        yield f"sheet {sheet['id']}: {sheet['title']}"
        yield from (f"  {note}" for note in sheet["notes"])
        yield from (f"  seen in {source}" for source in sheet["sources"])
    for number, evse in answer["evses"].items():
        yield f"EVSE {number}: limited by {evse['limited_by']}, {evse['verdict'] or 'not accepted yet'}"
    known = ((name, value) for name, value in answer["learned"].items() if value is not None)
    learned = [f"{LEARNED.get(name, name)}: {_word(value)}" for name, value in known]
    if learned:
        yield "learned: " + "; ".join(learned)
    if answer["deviations"]:
        yield "seen that the standard does not say:"
        yield from (f"  {deviation}" for deviation in answer["deviations"])


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} is {meant}" for key, meant in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
