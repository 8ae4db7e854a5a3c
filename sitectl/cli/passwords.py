"""`sitectl station password`: a new password, made by the daemon and pushed to the station."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from sitectl.cli.asking import DEFAULT_CONFIG, AsJson, Config, Socket, ask, show_answer
from sitectl.cli.tables import clean


def station_password(
    id: Annotated[str, typer.Argument(help="The station.")],
    show: Annotated[bool, typer.Option("--show", help="Print it, this once; nobody can ask for it again.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Give a station a new password. What it shows now is taken until it has shown the new one."""
    answer = ask(config, socket, lambda client: client.post("stations", id, "password", long=True))
    if not show:
        answer["password"] = None
    show_answer(answer, as_json, _renewed)


def _renewed(answer: dict[str, Any], narrow: bool) -> RenderableType:
    told = "" if answer["password"] is None else f": {answer['password']}"
    return Text(clean(f"{answer['station']}: it took a new password{told}"))
