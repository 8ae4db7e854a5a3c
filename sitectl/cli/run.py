"""`sitectl run`: the one command that stays for months, so it loads nothing that the others need (3 MB of tables)."""

from __future__ import annotations

from typing import Annotated

import typer

from sitectl.cli.asking import DEFAULT_CONFIG, Config, Socket, Verbose

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


EXAMPLES = """\b
  sitectl run                          the site of /etc/sitectl/site.yaml; under systemd this is the service sitectl
  sitectl run --config site.yaml       another one
  sitectl run --last-good              if the configuration is refused, the one that served last goes on
"""


@app.command(epilog=EXAMPLES)
def run(
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
    verbose: Verbose = False,
    last_good: Annotated[
        bool, typer.Option("--last-good", help="Where the configuration is refused, serve by the one that served last.")
    ] = False,
) -> None:
    """Run the daemon in the foreground."""
    from sitectl.daemon.process import run as run_daemon

    raise typer.Exit(run_daemon(config, socket, verbose, last_good))
