"""The commands that take one look at the site: asked most often, so they load nothing that only others need."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sitectl.cli import tables
from sitectl.cli.asking import DEFAULT_CONFIG, DEGRADED, AsJson, Config, Socket, ask, show_answer
from sitectl.cli.since import begin_of

EXAMPLES = """\b
  sitectl status             everything at one look; what is wrong, what to do
  sitectl why CP01           why this station may draw what it may
  sitectl events --follow    what happens, as it happens
  sitectl COMMAND --help     what a command takes, with examples
"""
app = typer.Typer(
    name="sitectl",
    epilog=EXAMPLES,
    help="Site controller for EV charging: keeps the fuse, keeps every transaction, with or without the internet.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
STATUS_EXAMPLES = """\b
  sitectl status                     problems with what to do, circuits, meters, uplinks, stations
  sitectl status --json | jq .problems
  sitectl status >/dev/null || mail -s "the site needs a look" me   0 well, 5 degraded, 3 no daemon
"""
STATIONS_EXAMPLES = """\b
  sitectl stations                   a line for each EVSE: status, limit, what it draws, and why
  sitectl stations CP01              one station, how it is limited and what was found out with it
"""
WHY_EXAMPLES = """\b
  sitectl why CP01                              why CP01 has the limit that it has now
  sitectl why CP01:2 --at 5m                    why EVSE 2 of CP01 had it five minutes ago
  sitectl why CP01 --at 2026-11-20T06:11:00Z    at that moment; what an incident recorded is found, too
"""
METERS_EXAMPLES = """\b
  sitectl meters                     how fresh each is, its currents, its power
  sitectl meter read main            every value of one, now
"""
UPLINKS_EXAMPLES = """\b
  sitectl uplinks                    which are online, what waits for them, since when
  sitectl transactions --unsent      what that is
"""
SIGNALS_EXAMPLES = """\b
  sitectl signals                    each contact, whether it is open, and what it asks for
"""
VERSION_EXAMPLES = """\b
  sitectl version --json             for programs
"""


@app.command(epilog=STATUS_EXAMPLES)
def status(as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """One look at everything. Exit status 5 when the site runs degraded."""
    answer = ask(config, socket, lambda client: client.get("status"))
    show_answer(answer, as_json, tables.status)
    if answer["state"] != "ok":
        raise typer.Exit(DEGRADED)


@app.command(epilog=STATIONS_EXAMPLES)
def stations(
    id: Annotated[str | None, typer.Argument(help="Only this station.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """List the stations, or show one."""
    path = ("stations",) if id is None else ("stations", id)
    answer = ask(config, socket, lambda client: client.get(*path))
    show_answer(answer, as_json, tables.stations if id is None else tables.station)


@app.command(epilog=WHY_EXAMPLES)
def why(
    id: Annotated[str, typer.Argument(help="A station, or STATION:EVSE.")],
    at: Annotated[
        str | None, typer.Option(help="As it was then: 30s, 5m, 1h ago, or a time; within 15 min or an incident.")
    ] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Explain the limit of an EVSE: from what it wants to what it draws."""
    moment = begin_of(at, "--at")
    answer = ask(config, socket, lambda client: client.get("why", id, at=moment, long=moment is not None))
    show_answer(answer, as_json, tables.why)


@app.command(epilog=METERS_EXAMPLES)
def meters(as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """List the grid meters."""
    show_answer(ask(config, socket, lambda client: client.get("meters")), as_json, tables.meters)


@app.command(epilog=UPLINKS_EXAMPLES)
def uplinks(as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """List the central systems."""
    show_answer(ask(config, socket, lambda client: client.get("uplinks")), as_json, tables.uplinks)


@app.command(epilog=SIGNALS_EXAMPLES)
def signals(as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """List the relay contacts that may bound a circuit, as they stand."""
    from sitectl.cli import meter_tables

    show_answer(ask(config, socket, lambda client: client.get("signals")), as_json, meter_tables.signals)


@app.command(epilog=VERSION_EXAMPLES)
def version(as_json: AsJson = False) -> None:
    """Print the version."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        number = installed("sitectl")
    except PackageNotFoundError:
        number = "unknown"
    print(json.dumps({"schema": 1, "version": number}) if as_json else f"sitectl {number}")
