"""The command that shows the site live, on the whole screen."""

from __future__ import annotations

import sys

import typer

from sitectl.cli.asking import DEFAULT_CONFIG, FAILED, USAGE, AsJson, Config, Socket, ask, client_of, fail

EXAMPLES = """\b
  sitectl top                     arrows and Enter: a station and why; / filters; r u l o h order; q ends
  ssh -t gateway sitectl top      over a wire of 80 x 24 characters, too
"""


def top(as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """The site live: circuits as bars, stations, uplinks, events; it bears a daemon that goes and comes back."""
    if as_json:
        raise fail("a live view is for people: see `sitectl status --json`, `sitectl events --follow --json`", USAGE)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise fail("a live view needs a terminal: see `sitectl status`", USAGE)
    client = client_of(config, socket)
    ask(config, socket, lambda client: client.get("status"))
    from sitectl.cli.top_app import Top  # a fifth of a second that no other command shall pay

    app = Top(client)
    app.run()
    raise typer.Exit(FAILED if app.return_code else 0)
