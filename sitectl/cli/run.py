"""`sitectl run`: the one command that stays for months, so it loads nothing that the others need (3 MB of tables)."""

from __future__ import annotations

import typer

from sitectl.cli.asking import DEFAULT_CONFIG, Config, Socket, Verbose

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(config: Config = DEFAULT_CONFIG, socket: Socket = None, verbose: Verbose = False) -> None:
    """Run the daemon in the foreground."""
    from sitectl.daemon.process import run as run_daemon

    raise typer.Exit(run_daemon(config, socket, verbose))
