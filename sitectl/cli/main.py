"""The commands."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from sitectl.base.clock import SystemClock
from sitectl.base.units import format_utc, parse_timestamp
from sitectl.cli import tables
from sitectl.cli.client import Client, DaemonAway, NotAllowed, Refused

DEFAULT_CONFIG = Path("/etc/sitectl/site.yaml")
FAILED, USAGE, AWAY, NOT_ALLOWED, DEGRADED = 1, 2, 3, 4, 5

Config = Annotated[Path, typer.Option("--config", envvar="SITECTL_CONFIG", help="The site's configuration file.")]
Socket = Annotated[
    Path | None, typer.Option("--socket", envvar="SITECTL_SOCKET", help="The daemon's socket, if not api.socket.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Log everything, the wire too.")]

app = typer.Typer(
    name="sitectl",
    help="Site controller for EV charging: keeps the fuse, keeps every transaction, with or without the internet.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="Show the configuration and its schema.", no_args_is_help=True)
app.add_typer(config_app, name="config")


def main() -> None:
    """Entry point of the `sitectl` command."""
    try:
        app()
    except BrokenPipeError:
        _forget_output()
        raise SystemExit(FAILED) from None


def _forget_output() -> None:
    """Whoever read us is gone: what is still buffered must not raise again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _console() -> Console:
    """Where tables go. NO_COLOR means no escape codes at all, bold ones neither."""
    if os.environ.get("NO_COLOR"):
        return Console(highlight=False, color_system=None)
    return Console(highlight=False)


def _fail(text: str, status: int) -> typer.Exit:
    print(f"sitectl: {text}", file=sys.stderr)
    return typer.Exit(status)


def _client(config: Path, socket: Path | None) -> Client:
    """The daemon's socket: the one named, else the configuration's `api.socket`."""
    if socket is not None:
        return Client(socket)
    if config != DEFAULT_CONFIG and not config.exists():
        raise _fail(f"{config}: no such file; name the site's configuration, or --socket", USAGE)
    from sitectl.config.load import api_socket

    return Client(api_socket(config))


def _ask(config: Path, socket: Path | None, question: Callable[[Client], Any]) -> Any:
    """Ask the daemon; its errors become exit statuses."""
    try:
        return question(_client(config, socket))
    except DaemonAway as error:
        raise _fail(str(error), AWAY) from error
    except NotAllowed as error:
        raise _fail(str(error), NOT_ALLOWED) from error
    except Refused as error:
        raise _fail(str(error), FAILED) from error


def _answer(answer: dict[str, Any], as_json: bool, view: tables.View) -> None:
    if as_json:
        print(json.dumps(answer, indent=1))
    else:
        tables.show(_console(), answer, view)


@app.command()
def run(config: Config = DEFAULT_CONFIG, socket: Socket = None, verbose: Verbose = False) -> None:
    """Run the daemon in the foreground."""
    from sitectl.daemon.process import run as run_daemon

    raise typer.Exit(run_daemon(config, socket, verbose))


@app.command()
def demo(
    stations: Annotated[int, typer.Option(help="How many charging stations.")] = 6,
    seconds: Annotated[float, typer.Option(help="How long.")] = 60.0,
    scenario: Annotated[str, typer.Option(help="Which story.")] = "default",
    as_json: AsJson = False,
) -> None:
    """Run a whole site on this machine: simulated stations, cars, meter and central system around the real daemon."""
    from sitectl.simulator.demo import run_demo

    raise typer.Exit(run_demo(stations, seconds, scenario, as_json, sys.stdout))


@app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="The configuration file.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Check a configuration: all errors at once, with place and cure."""
    from sitectl.config.load import Broken, load
    from sitectl.config.report import check_command

    if not as_json:
        raise typer.Exit(check_command(file or config, sys.stdout, sys.stderr))
    outcome = load(file or config)
    errors = outcome.errors if isinstance(outcome, Broken) else ()
    found = {"errors": errors, "warnings": outcome.warnings}
    issues = {kind: [dataclasses.asdict(issue) for issue in all_of] for kind, all_of in found.items()}
    print(json.dumps({"schema": 1, "ok": not errors, **issues}, indent=1))
    raise typer.Exit(USAGE if errors else 0)


@config_app.command("show")
def config_show(
    effective: Annotated[bool, typer.Option("--effective", help="With all defaults and learned values.")] = False,
    origin: Annotated[bool, typer.Option("--origin", help="With the place that each value comes from.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Show the whole configuration. Asks the daemon; without one, the files' part is shown and said to be that."""
    from sitectl.config.show import show_command

    running: dict[str, Any] | None = None
    if effective:
        try:
            running = _client(config, socket).get("config")
        except (DaemonAway, NotAllowed, Refused) as error:
            print(f"sitectl: {error}; showing the files' part", file=sys.stderr)
    raise typer.Exit(
        show_command(
            config, effective=effective, origin=origin, as_json=as_json, running=running, out=sys.stdout, err=sys.stderr
        )
    )


@config_app.command("schema")
def config_schema(as_json: AsJson = True) -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    from sitectl.config.show import json_schema

    print(json.dumps(json_schema(), indent=1))


@app.command()
def status(as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """One look at everything. Exit status 5 when the site runs degraded."""
    answer = _ask(config, socket, lambda client: client.get("status"))
    _answer(answer, as_json, tables.status)
    if answer["state"] != "ok":
        raise typer.Exit(DEGRADED)


@app.command()
def stations(
    id: Annotated[str | None, typer.Argument(help="Only this station.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """List the stations, or show one."""
    path = ("stations",) if id is None else ("stations", id)
    answer = _ask(config, socket, lambda client: client.get(*path))
    _answer(answer, as_json, tables.stations if id is None else tables.station)


@app.command()
def why(
    id: Annotated[str, typer.Argument(help="A station, or STATION:EVSE.")],
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Explain the limit of an EVSE: from what it wants to what it draws."""
    _answer(_ask(config, socket, lambda client: client.get("why", id)), as_json, tables.why)


@app.command()
def meters(as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """List the grid meters."""
    _answer(_ask(config, socket, lambda client: client.get("meters")), as_json, tables.meters)


@app.command()
def uplinks(as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """List the central systems."""
    _answer(_ask(config, socket, lambda client: client.get("uplinks")), as_json, tables.uplinks)


@app.command()
def transactions(
    open: Annotated[bool, typer.Option("--open", help="Only running ones.")] = False,
    unsent: Annotated[bool, typer.Option("--unsent", help="Only those that a central has not acknowledged.")] = False,
    dead: Annotated[bool, typer.Option("--dead", help="Only those with given-up messages.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10000, help="At most so many.")] = 1000,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """List transactions, newest first."""
    if open + unsent + dead > 1:
        raise _fail("--open, --unsent and --dead exclude each other", USAGE)
    only = "open" if open else "unsent" if unsent else "dead" if dead else "all"
    answer = _ask(config, socket, lambda client: client.get("transactions", only=only, limit=limit))
    _answer(answer, as_json, tables.transactions)


@app.command()
def events(
    since: Annotated[
        str | None, typer.Option(help="How far back: 30s, 15m, 1h, 2d, or a time; the newest 100 without it.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as things happen.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """What happened, in order."""
    begin = _begin(since)

    def print_all(client: Client) -> None:
        for row in client.events("events", since=begin, follow=follow):
            print(json.dumps(row) if as_json else tables.event(row), flush=follow)

    try:
        _ask(config, socket, print_all)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _begin(since: str | None) -> str | None:
    if since is None:
        return None
    if (moment := parse_timestamp(since)) is not None:
        return format_utc(moment[0])
    found = re.fullmatch(r"(\d{1,6})([smhd])", since.strip(), re.ASCII)
    if found is None:
        raise _fail(f"--since {since!r}: write a number and s, m, h or d, like 1h, or a time (ISO 8601)", USAGE)
    seconds = int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
    try:
        return (SystemClock().wall() - timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return "1970-01-01T00:00:00Z"


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the version."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        number = installed("sitectl")
    except PackageNotFoundError:
        number = "unknown"
    print(json.dumps({"schema": 1, "version": number}) if as_json else f"sitectl {number}")
