"""The commands that order something of one station: `station reset`, `unlock`, `config`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from sitectl.cli.asking import DEFAULT_CONFIG, USAGE, AsJson, Config, Socket, ask, fail, show_answer
from sitectl.cli.client import Client
from sitectl.cli.tables import Answer, add_row, clean, new_table

Id = Annotated[str, typer.Argument(help="The station.")]
Force = Annotated[bool, typer.Option("--force", help="Also while a car charges there: its transaction ends.")]
CONFIG_EXAMPLES = """\b
  sitectl station config CP01                              all its keys, asked for now
  sitectl station config CP01 HeartbeatInterval            one key
  sitectl station config CP01 HeartbeatInterval 300        written, with what the station said to it
"""


def station_reset(
    id: Id,
    hard: Annotated[bool, typer.Option("--hard", help="At once, whatever it does; else softly.")] = False,
    force: Force = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Reset a station. Exit status 1 where it says no, or a car charges there."""

    def question(client: Client) -> dict[str, Any]:
        return client.post("stations", id, "reset", hard=hard, force=force, long=True)

    show_answer(ask(config, socket, question), as_json, _reset)


def station_unlock(
    id: Id,
    evse: Annotated[int, typer.Option(min=1, help="Its EVSE.")] = 1,
    force: Force = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Release the plug of an EVSE. Exit status 1 where the station says no, or a car charges there."""

    def question(client: Client) -> dict[str, Any]:
        return client.post("stations", id, "evses", str(evse), "unlock", force=force, long=True)

    show_answer(ask(config, socket, question), as_json, _unlocked)


def station_config(
    id: Id,
    key: Annotated[str | None, typer.Argument(help="Only this key.")] = None,
    value: Annotated[str | None, typer.Argument(help="What it shall be.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Show the configuration keys of a station, or write one."""
    if key == "":
        raise fail("a key has a name", USAGE)
    path = ("stations", id, "configuration")
    if key is not None and value is not None:
        body = {"value": value}
        answer = ask(config, socket, lambda client: client.put(*path, key, body=body, long=True))
        show_answer(answer, as_json, _written)
        return
    keys = None if key is None else [key]
    show_answer(ask(config, socket, lambda client: client.get(*path, key=keys, long=True)), as_json, _keys)


def _reset(answer: Answer, narrow: bool) -> RenderableType:
    kind = "hard" if answer["kind"] == "Immediate" else "soft"
    return Text(clean(f"{answer['station']}: {kind} reset, {answer['status'].lower()}"))


def _unlocked(answer: Answer, narrow: bool) -> RenderableType:
    return Text(clean(f"{answer['station']}:{answer['evse']}: {answer['status'].lower()}"))


def _written(answer: Answer, narrow: bool) -> RenderableType:
    later = "; it holds after a reset" if answer["status"] == "RebootRequired" else ""
    return Text(clean(f"{answer['station']}: {answer['key']}={answer['value']} {answer['status'].lower()}{later}"))


def _keys(answer: Answer, narrow: bool) -> RenderableType:
    table = new_table("KEY", "VALUE", "")
    for name, held in answer["keys"].items():
        add_row(table, name, held["value"], "read-only" if held["readonly"] else "")
    said = [] if answer["live"] else [Text("it is offline: as it was read before", "yellow")]
    if answer["unknown"]:
        said.append(Text(clean(f"it does not know: {', '.join(answer['unknown'])}")))
    return Group(table, *said)
