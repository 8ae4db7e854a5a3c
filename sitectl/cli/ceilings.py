"""The commands that lower what a station, an EVSE or a circuit may draw, and withdraw that again."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from sitectl.cli import tables
from sitectl.cli.asking import DEFAULT_CONFIG, USAGE, AsJson, Config, Socket, ask, fail, show_answer
from sitectl.cli.client import Client
from sitectl.cli.stations import station_app

circuit_app = typer.Typer(help="Do something about one circuit.", no_args_is_help=True)

Amperes = Annotated[float | None, typer.Argument(help="At most so many ampere per phase; 0: nothing may charge.")]
For = Annotated[str | None, typer.Option("--for", help="How long: 30s, 15m, 2h, 1d; until --clear without it.")]
Clear = Annotated[bool, typer.Option("--clear", help="Withdraw the ceiling that was set.")]

STATION_EXAMPLES = """\b
  sitectl station limit CP01 10 --for 15m       at most 10 A on each phase for a quarter of an hour
  sitectl station limit CP01 0 --evse 2         EVSE 2 pauses until --clear
  sitectl station limit CP01 --clear            withdrawn
"""
CIRCUIT_EXAMPLES = """\b
  sitectl circuit limit garage 40 --for 2h      at most 40 A on each phase for two hours
  sitectl circuit limit garage --clear          withdrawn
"""


@station_app.command("limit", epilog=STATION_EXAMPLES)
def station_limit(
    id: Annotated[str, typer.Argument(help="The station.")],
    amperes: Amperes = None,
    evse: Annotated[int, typer.Option(min=0, help="Only this EVSE; 0: the whole station.")] = 0,
    valid: For = None,
    clear: Clear = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Lower what a station may draw, beside all other limits; nothing raises it above the configuration."""
    _limit(("stations", id, "evses", str(evse), "ceiling"), amperes, valid, clear, as_json, config, socket)


@circuit_app.command("limit", epilog=CIRCUIT_EXAMPLES)
def circuit_limit(
    id: Annotated[str, typer.Argument(help="The circuit.")],
    amperes: Amperes = None,
    valid: For = None,
    clear: Clear = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Lower what a circuit may carry, beside all other limits; nothing raises it above the configuration."""
    _limit(("circuits", id, "ceiling"), amperes, valid, clear, as_json, config, socket)


def _limit(
    path: tuple[str, ...], amperes: float | None, valid: str | None, clear: bool, as_json: bool, config: Config,
    socket: Socket,
) -> None:  # fmt: skip
    if clear == (amperes is not None) or (clear and valid is not None):
        raise fail("say how many ampere (and --for how long), or --clear alone", USAGE)
    body = {"value": amperes, "valid_s": None if valid is None else seconds_of(valid)}

    def question(client: Client) -> dict[str, Any]:
        return client.delete(*path) if clear else client.put(*path, body=body)

    show_answer(ask(config, socket, question), as_json, tables.ceiling)


def seconds_of(text: str, option: str = "--for") -> float:
    """A duration as people write it, in seconds."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip(), re.ASCII)
    if found is None:
        raise fail(f"{option} {text!r}: write a number and s, m, h or d, like 15m", USAGE)
    return float(int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]])
