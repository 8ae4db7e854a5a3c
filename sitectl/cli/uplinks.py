"""`sitectl uplink`: try a central, pause it, go on."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from sitectl.cli.asking import DEFAULT_CONFIG, FAILED, AsJson, Config, Socket, ask, show_answer
from sitectl.cli.ceilings import seconds_of
from sitectl.cli.tables import add_row, clean, new_table

EXAMPLES = """\b
  sitectl uplink test central                     does every station stand there, how fast does it answer
  sitectl uplink test central --token 04A1B2C3    and what does it say of this card
  sitectl uplink pause central --for 2h           it is under maintenance: what it misses waits here
"""
NAMED = 20
uplink_app = typer.Typer(help="Do something about one central system.", epilog=EXAMPLES, no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The uplink, as configured.")]


@uplink_app.command("test")
def try_it(
    name: Name,
    token: Annotated[str | None, typer.Option(help="Ask what it says of this token, too.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Ask whether every station stands at a central, and how fast it answers. Exit status 1 where one does not."""
    answer = ask(config, socket, lambda client: client.post("uplinks", name, "test", id_token=token, long=True))
    show_answer(answer, as_json, _tried)
    if not answer["ok"]:
        raise typer.Exit(FAILED)


@uplink_app.command("pause")
def pause(
    name: Name,
    valid: Annotated[str, typer.Option("--for", help="How long: 15m, 2h, 3d.")] = "15m",
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Send a central nothing for a while: charging goes on, what it misses waits and is told afterwards."""
    for_s = str(seconds_of(valid))
    answer = ask(config, socket, lambda client: client.post("uplinks", name, "pause", for_s=for_s))
    show_answer(answer, as_json, _paused)


@uplink_app.command("resume")
def resume(name: Name, as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """End a pause now."""
    show_answer(ask(config, socket, lambda client: client.delete("uplinks", name, "pause")), as_json, _paused)


def _tried(answer: dict[str, Any], narrow: bool) -> RenderableType:
    legs = answer["stations"]
    table = new_table("STATION", "STANDS", "HEARTBEAT", "WHY")
    order = sorted(legs.items(), key=lambda leg: leg[1]["state"] == "accepted")
    for station, leg in order[:NAMED]:
        took = "-" if leg["heartbeat_ms"] is None else f"{leg['heartbeat_ms']:g} ms"
        add_row(table, station, leg["state"], took, leg["why"] or "-")
    well = sum(leg["state"] == "accepted" for leg in legs.values())
    lines = [f"{answer['uplink']}: {well} of {len(legs)} stations stand there"]
    if answer["token"] is not None:
        lines.append(f"of the token it says: {answer['token']}")
    if len(order) > NAMED:
        lines.append(f"shown are {NAMED}, those that do not stand first")
    return Group(table, Text(clean("; ".join(lines))))


def _paused(answer: dict[str, Any], narrow: bool) -> RenderableType:
    until = answer["paused_until"]
    return Text(clean(f"{answer['uplink']}: {'goes on' if until is None else f'paused until {until}'}"))
