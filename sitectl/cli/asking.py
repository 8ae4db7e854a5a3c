"""What every command shares: its options, the question to the daemon, the answer on the screen, the exit status."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sitectl.cli.client import Client, DaemonAway, NotAllowed, Refused

if TYPE_CHECKING:
    from rich.console import Console

    from sitectl.cli.tables import View

DEFAULT_CONFIG = Path("/etc/sitectl/site.yaml")
FAILED, USAGE, AWAY, NOT_ALLOWED, DEGRADED = 1, 2, 3, 4, 5

Config = Annotated[
    Path,
    typer.Option("--config", envvar="SITECTL_CONFIG", help="The site's configuration file.", readable=False),
]
"""Whether it can be read is no matter of usage: who may not is told so."""

Socket = Annotated[
    Path | None,
    typer.Option("--socket", envvar="SITECTL_SOCKET", help="The daemon's socket, if not api.socket.", readable=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Log everything, the wire too.")]


def console() -> Console:
    """Where tables go. NO_COLOR means no escape codes at all, bold ones neither."""
    from rich.console import Console  # the daemon shares the options of this file, and has no tables

    if os.environ.get("NO_COLOR"):
        return Console(highlight=False, color_system=None)
    return Console(highlight=False)


def fail(text: str, status: int) -> typer.Exit:
    """Say what went wrong; raise the result."""
    print(f"sitectl: {text}", file=sys.stderr)
    return typer.Exit(status)


def client_of(config: Path, socket: Path | None) -> Client:
    """The daemon's socket: the one named, else the configuration's `api.socket`."""
    if socket is not None:
        return Client(socket)
    if config != DEFAULT_CONFIG and not config.exists():
        raise fail(f"{config}: no such file; name the site's configuration, or --socket", USAGE)
    from sitectl.config.quick import DEFAULT_SOCKET, socket_name

    if (name := socket_name(config)) is not None:
        return Client(config.absolute().parent / name if name else Path(DEFAULT_SOCKET))
    from sitectl.config.load import api_socket  # half a second on a small machine

    return Client(api_socket(config))


def file_of(config: Path, client: Client) -> Path:
    """The configuration: where none is named or usual, the one that the daemon goes by."""
    if config != DEFAULT_CONFIG or config.exists():
        return config
    try:
        return Path(client.get("config").get("file", config))
    except (DaemonAway, NotAllowed, Refused):
        return config


def ask(config: Path, socket: Path | None, question: Callable[[Client], Any]) -> Any:
    """Ask the daemon; its errors become exit statuses."""
    try:
        return question(client_of(config, socket))
    except DaemonAway as error:
        raise fail(str(error), AWAY) from error
    except NotAllowed as error:
        raise fail(str(error), NOT_ALLOWED) from error
    except Refused as error:
        raise fail(str(error), FAILED) from error


def tell_of_strangers(config: Path, socket: Path | None, station: str | None, circuit: str | None = None) -> None:
    """Where nothing was found: say that what was named is not on this site, if so; it may have been, so no more."""

    def look(client: Client) -> None:
        if station is not None:
            client.get("stations", station)
        if circuit is not None:
            client.get("circuits", circuit, "ceiling")

    try:
        look(client_of(config, socket))
    except (DaemonAway, NotAllowed, Refused) as error:
        print(f"sitectl: {error}", file=sys.stderr)


def show_answer(answer: dict[str, Any], as_json: bool, view: View) -> None:
    """Print an answer of the daemon, as JSON or as a table."""
    if as_json:
        print(json.dumps(answer, indent=1))
    else:
        from sitectl.cli import tables

        tables.show(console(), answer, view)
