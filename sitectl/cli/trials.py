"""The commands that try something with a car that charges: `station probe`, `limit-test`, `phase-test`."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from sitectl.cli.asking import DEFAULT_CONFIG, FAILED, AsJson, Config, Socket, ask, fail
from sitectl.cli.client import Client
from sitectl.cli.tables import clean

Id = Annotated[str, typer.Argument(help="The station.")]
Evse = Annotated[int, typer.Option(min=0, help="The EVSE; 0: the one that charges.")]


def probe(
    id: Id, evse: Evse = 0, as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None
) -> None:
    """Find out by which message a station really obeys a limit, with the car that charges there. It is cut for it."""
    _try("probe", id, evse, as_json, config, socket)


def limit_test(
    id: Id, evse: Evse = 0, as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None
) -> None:
    """Cut the car that charges there, and measure how long it takes until it follows."""
    _try("limit_test", id, evse, as_json, config, socket)


def phase_test(
    id: Id, evse: Evse = 0, as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None
) -> None:
    """Step the car that charges there, and let the grid meter say where its phases are wired. Others are held."""
    _try("phase_test", id, evse, as_json, config, socket)


def _try(kind: str, id: str, evse: int, as_json: bool, config: Path, socket: Path | None) -> None:
    """Begin it, tell its steps as they come, and show its outcome; exit status 1 where there is none."""
    answer = ask(config, socket, lambda client: client.post("stations", id, "trials", kind, evse=evse))
    said = 0
    while True:
        lines = answer["said"][said:]
        said += len(lines)
        for line in lines:
            print(clean(line), file=sys.stderr if as_json else sys.stdout, flush=True)
        if not answer["running"]:
            break
        answer = ask(config, socket, partial(_newer, id, answer["evse"], said))
    if as_json:
        print(json.dumps(answer, indent=1))
    if answer["outcome"] is None:
        raise fail(clean(answer["failed"] or "it has no outcome; the daemon has been started anew"), FAILED)
    if not as_json:
        print(f"{id}:{answer['evse']}: {clean(_verdict(answer['outcome']))}")


def _newer(id: str, evse: int, said: int, client: Client) -> dict[str, Any]:
    """How it goes, once it has told more than so many steps."""
    return client.get("stations", id, "trials", evse=evse, after=said)


def _verdict(outcome: dict[str, Any]) -> str:
    return str(outcome.get("verdict", ""))
