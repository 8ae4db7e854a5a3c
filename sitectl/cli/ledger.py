"""The commands about the ledger and about what happened."""

from __future__ import annotations

import json
import shutil
import sys
from typing import Annotated

import typer

from sitectl.cli import tables
from sitectl.cli.asking import (
    DEFAULT_CONFIG,
    USAGE,
    AsJson,
    Config,
    Socket,
    ask,
    console,
    fail,
    show_answer,
    tell_of_strangers,
)
from sitectl.cli.client import Client
from sitectl.cli.since import begin_of

transaction_app = typer.Typer(help="Do something about one transaction.", no_args_is_help=True)


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
        raise fail("--open, --unsent and --dead exclude each other", USAGE)
    only = "open" if open else "unsent" if unsent else "dead" if dead else "all"
    answer = ask(config, socket, lambda client: client.get("transactions", only=only, limit=limit))
    show_answer(answer, as_json, tables.dead_letters if dead else tables.transactions)


@transaction_app.command("requeue")
def transaction_requeue(
    id: Annotated[str, typer.Argument(help="The transaction, or the beginning of its id.")],
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Send the given-up messages of a transaction again, in their old places of the queue."""
    answer = ask(config, socket, lambda client: client.post("transactions", id, "requeue"))
    show_answer(answer, as_json, tables.requeued)


def events(
    since: Annotated[
        str | None, typer.Option(help="How far back: 30s, 15m, 1h, 2d, or a time; the newest 100 without it.")
    ] = None,
    station: Annotated[str | None, typer.Option(help="Only of this station.")] = None,
    type: Annotated[
        list[str] | None, typer.Option(help="Only of this type, or of all that begin so: transaction. May be repeated.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as things happen.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """What happened, in order."""
    begin = begin_of(since)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None

    def print_all(client: Client) -> bool:
        some = False
        for row in client.events("events", since=begin, station=station, type=type, follow=follow):
            print(json.dumps(row) if as_json else tables.event(row, width), flush=follow)
            some = True
        return some

    try:
        if not ask(config, socket, print_all) and not as_json:
            print("sitectl: nothing of this kind happened in this time; --since goes further back", file=sys.stderr)
            tell_of_strangers(config, socket, station)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def timeline(
    station: Annotated[str, typer.Argument(help="The station.")],
    since: Annotated[str, typer.Option(help="How far back: 30s, 15m, 1h, 2d, or a time.")] = "1h",
    search: Annotated[str, typer.Option(help="Only what holds this text.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10000, help="The newest so many.")] = 1000,
    raw: Annotated[bool, typer.Option("--raw", help="Show each frame whole, as it went over the wire.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """What happened at a station, in order: messages on both sides, limits, faults, events."""
    begin = begin_of(since)
    answer = ask(
        config,
        socket,
        lambda client: client.get("timeline", station, since=begin, search=search or None, limit=limit, long=True),
    )
    if as_json:
        print(json.dumps(answer, indent=1))
        return
    screen = console()
    for line in tables.timeline(answer, raw):
        screen.print(line, soft_wrap=True)
    if not answer["entries"]:
        tell_of_strangers(config, socket, station)
