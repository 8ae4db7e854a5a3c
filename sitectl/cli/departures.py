"""The command that says when a car leaves and what it needs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sitectl.cli import tables
from sitectl.cli.asking import DEFAULT_CONFIG, USAGE, AsJson, Config, Socket, ask, fail, show_answer
from sitectl.cli.ceilings import seconds_of
from sitectl.cli.client import Client

EXAMPLES = """\b
  sitectl station departure CP01 --at 17:30                     leaves at half past five, by the clock of the site
  sitectl station departure CP01 --in 2h --energy-kwh 20        leaves in two hours and needs 20 kWh
  sitectl station departure CP01 --evse 2 --clear               withdrawn
"""


def station_departure(
    id: Annotated[str, typer.Argument(help="The station.")],
    evse: Annotated[int, typer.Option(min=1, help="Its EVSE.")] = 1,
    at: Annotated[str | None, typer.Option(help="A time of day like 17:30, or a moment with its zone.")] = None,
    in_: Annotated[str | None, typer.Option("--in", help="Or in how long: 30m, 2h, 1d.")] = None,
    energy_kwh: Annotated[
        float | None, typer.Option(help="What it needs from the start of its transaction on.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Withdraw what was said.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Say when a car leaves: who could wait least charges first, and nobody beyond any limit."""
    said = (at is not None) + (in_ is not None)
    if said != (0 if clear else 1) or (clear and energy_kwh is not None):
        raise fail("say when it leaves, --at or --in (and what it needs, --energy-kwh), or --clear alone", USAGE)
    path = ("stations", id, "evses", str(evse), "departure")
    body = {"at": at, "in_s": None if in_ is None else seconds_of(in_, "--in"), "energy_kwh": energy_kwh}

    def question(client: Client) -> dict[str, Any]:
        return client.delete(*path) if clear else client.put(*path, body=body)

    show_answer(ask(config, socket, question), as_json, tables.departure)
