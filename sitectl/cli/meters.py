"""The commands that look at meters: one reading, one reading after the other, what is on a line, a trial."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from sitectl.cli import meter_tables
from sitectl.cli.asking import DEFAULT_CONFIG, FAILED, AsJson, Config, Socket, console, show_answer
from sitectl.cli.tables import clean

meter_app = typer.Typer(help="Look at a meter, or at what is on a line.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A meter of the configuration.")]


@meter_app.command("read")
def meter_read(name: Name, as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """Read a meter now: every value that it gives, and what is wrong with them. Exit status 1 where it is no good."""
    from sitectl.cli import metering

    answer = metering.read(config, socket, name)
    show_answer(answer, as_json, meter_tables.reading)
    if answer["objection"] is not None:
        raise typer.Exit(FAILED)


@meter_app.command("watch")
def meter_watch(
    name: Name,
    interval: Annotated[float, typer.Option(min=0.1, max=3600.0, help="Time between readings (s).")] = 1.0,
    count: Annotated[int, typer.Option(min=0, help="So many readings; 0: until ctrl-C.")] = 0,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Read a meter over and over; with --json one object a line."""
    from sitectl.cli import metering

    try:
        if as_json:
            metering.watch(config, socket, name, interval, count, lambda answer: print(json.dumps(answer), flush=True))
            return
        with meter_tables.screen(console()) as show:
            metering.watch(config, socket, name, interval, count, show)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@meter_app.command("scan")
def meter_scan(
    connection: Annotated[
        str, typer.Argument(help="tcp://HOST:PORT, rtu-tcp://HOST:PORT, rtu:///dev/ttyUSB0 (at all usual speeds).")
    ],
    units: Annotated[str | None, typer.Option(help="Which units: 1-247, or 1,2,33; default: the usual ones.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Look for devices on a line, and for sheets that fit them. Through the daemon where that owns the line."""
    from sitectl.cli import metering

    answer = metering.scan(config, socket, connection, units, _say)
    show_answer(answer, as_json, meter_tables.found)
    if not answer["found"]:
        raise typer.Exit(FAILED)


@meter_app.command("test")
def meter_test(
    name: Name,
    seconds: Annotated[float, typer.Option(min=1.0, max=3600.0, help="For so long (s).")] = 20.0,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Read a meter for a while and judge it: errors, renewal, signs, phases, and the stations' own readings."""
    from sitectl.cli import metering

    _say(f"reading {name} for {seconds:g} s …")
    answer = metering.test(config, socket, name, seconds)
    show_answer(answer, as_json, meter_tables.trial)
    metering.remember(config, socket, answer)
    if not answer["ok"]:
        raise typer.Exit(FAILED)


def _say(text: str) -> None:
    """What goes on, for people who wait."""
    print(clean(text), file=sys.stderr)
