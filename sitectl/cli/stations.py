"""The commands that do something about one station."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sitectl.cli import tables
from sitectl.cli.asking import DEFAULT_CONFIG, AsJson, Config, Socket, ask, show_answer

station_app = typer.Typer(help="Do something about one station.", no_args_is_help=True)


class Service(StrEnum):
    """In service, or out of it."""

    OPERATIVE = "operative"
    INOPERATIVE = "inoperative"


@station_app.command("availability")
def station_availability(
    id: Annotated[str, typer.Argument(help="The station.")],
    service: Annotated[Service, typer.Argument(help="Whether it shall be in service.")],
    evse: Annotated[int, typer.Option(min=0, help="Only this EVSE; 0: the whole station.")] = 0,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Take a station out of service, or back into it; a central system may keep it out nevertheless."""
    operative = service is Service.OPERATIVE
    answer = ask(
        config,
        socket,
        lambda client: client.post("stations", id, "availability", operative=operative, evse=evse, long=True),
    )
    show_answer(answer, as_json, tables.availability)
