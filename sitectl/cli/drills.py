"""`sitectl drill`: take something away under supervision, watch, and keep the report."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sitectl.base.clock import SystemClock
from sitectl.base.units import format_utc
from sitectl.cli.asking import (
    DEFAULT_CONFIG,
    FAILED,
    NOT_ALLOWED,
    AsJson,
    Config,
    Socket,
    ask,
    client_of,
    fail,
    show_answer,
)
from sitectl.cli.ceilings import seconds_of
from sitectl.cli.client import Client, DaemonAway, NotAllowed, Refused, Value
from sitectl.cli.tables import add_row, clean

EXAMPLES = """\b
  sitectl drill uplink central --for 2m      the central cannot be reached for two minutes
  sitectl drill meter main                   the meter gives nothing for a minute
  sitectl drill station CP01                 a station has no network for a minute
  sitectl drill daemon                       this controller dies, and is started again by systemd
  sitectl drill report                       what came of them
"""
CLOCK = SystemClock()
RETURN_S, STATIONS_S, LOOK_S = 60.0, 180.0, 0.5
FEW, MOST = 1000, 10_000
"""Transactions that are asked for: what ended just now is among the newest, and no more are given at once."""
drill_app = typer.Typer(
    help="Take something away under supervision: it is given back at the end, or as soon as a fuse is at stake.",
    epilog=EXAMPLES,
    no_args_is_help=True,
)
Name = Annotated[str, typer.Argument(help="Which.")]
For = Annotated[str, typer.Option("--for", help="How long: 3s to 15m.")]


@drill_app.command("uplink")
def uplink(
    name: Name, valid: For = "60s", as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None
) -> None:
    """A central that cannot be reached: charging goes on, nothing is lost, all is told afterwards."""
    _drill("uplink", name, valid, as_json, config, socket)


@drill_app.command("meter")
def meter(
    name: Name, valid: For = "60s", as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None
) -> None:
    """A meter that gives no readings: less is shared, and no fuse is overloaded by what really flows."""
    _drill("meter", name, valid, as_json, config, socket)


@drill_app.command("station")
def station(
    name: Name, valid: For = "60s", as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None
) -> None:
    """A station without network: it stays counted at what it may draw, the others go on."""
    _drill("station", name, valid, as_json, config, socket)


@drill_app.command("stop")
def stop(as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """Break off what runs: it is given back at once."""
    answer = ask(config, socket, lambda client: client.delete("drills", "newest"))
    show_answer(answer, as_json, lambda told, narrow: Text("broken off" if told["stopped"] else "no drill runs"))


@drill_app.command("report")
def report(as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """The newest report of each thing that was taken away. All that ever were: `sitectl events --type drill`."""
    show_answer(ask(config, socket, lambda client: client.get("drills")), as_json, _reports)


@drill_app.command("daemon")
def daemon(as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """This controller dies at once (SIGKILL): it must be back by itself, with every station and transaction."""
    before = ask(config, socket, lambda client: {"status": client.get("status"), "open": _open(client)})
    pid = client_of(config, socket).pid()
    if pid is None:
        raise fail("the daemon has ended meanwhile", FAILED)
    began, since = format_utc(CLOCK.wall()), CLOCK.monotonic()
    try:
        os.kill(pid, signal.SIGKILL)
    except PermissionError as error:
        raise fail(f"process {pid} is another user's: run this as root", NOT_ALLOWED) from error
    except ProcessLookupError as error:
        raise fail(f"process {pid} is gone already", FAILED) from error
    _say(f"killed the daemon (process {pid})", as_json)
    found = _watched(before, since, as_json, config, socket)
    verdict = "passed" if all(one["kept"] for one in found) else "failed"
    body = {"verdict": verdict, "evidence": found, "began": began}
    answer = ask(config, socket, lambda client: client.post("drills", "daemon", body=body))
    _end(answer, as_json)


def _watched(
    before: dict[str, Any], since: float, as_json: bool, config: Path, socket: Path | None
) -> list[dict[str, Any]]:
    """Wait until it is back with everybody; what was promised, and whether it was kept."""
    back = _until(lambda: _status(config, socket) is not None, RETURN_S)
    if not back:
        why = f"nobody started it again within {RETURN_S:g} s: `systemctl status sitectl`, or start it by hand"
        raise fail(why, FAILED)
    back_s = CLOCK.monotonic() - since
    _say(f"it answers again after {back_s:.1f} s", as_json)
    online = {id for id, one in before["status"]["stations"].items() if one["online"]}
    all_back = _until(lambda: _online(config, socket) >= online, STATIONS_S)
    stations_s = CLOCK.monotonic() - since
    missing = sorted(online - _online(config, socket))
    lost = ask(config, socket, lambda client: {"ids": lost_of(before["open"], client)})["ids"]
    told = f"{len(online)} stations back after {stations_s:.1f} s" if all_back else f"not back: {', '.join(missing)}"
    _say(told, as_json)
    kept = f"{len(before['open'])} running transactions, " + (f"lost: {', '.join(lost)}" if lost else "none lost")
    return [
        {"kept": True, "text": f"started again, and answered after {back_s:.1f} s"},
        {"kept": all_back, "text": told},
        {"kept": not lost, "text": kept},
    ]


def _drill(kind: str, name: str, valid: str, as_json: bool, config: Path, socket: Path | None) -> None:
    """Begin it, tell its steps as they come, show its end; Ctrl-C breaks it off."""
    for_s = str(seconds_of(valid))
    answer = ask(config, socket, lambda client: client.post("drills", kind, name, for_s=for_s))
    said = 0
    try:
        while True:
            lines = answer["drill"]["said"][said:]
            said += len(lines)
            for line in lines:
                _say(line, as_json)
            if not answer["running"]:
                break
            answer = ask(config, socket, partial(_newer, said))
    except KeyboardInterrupt:
        ask(config, socket, lambda client: client.delete("drills", "newest"))
        raise fail("broken off; what was taken away is given back", FAILED) from None
    _end(answer, as_json)


def _newer(said: int, client: Client) -> dict[str, Any]:
    return client.get("drills", "newest", after=said)


def _end(answer: dict[str, Any], as_json: bool) -> None:
    show_answer(answer, as_json, lambda told, narrow: _report(told["drill"]))
    if answer["drill"]["verdict"] != "passed":
        raise typer.Exit(FAILED)


def _say(line: str, as_json: bool) -> None:
    print(clean(line), file=sys.stderr if as_json else sys.stdout, flush=True)


def _report(drill: dict[str, Any]) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_header=False)
    for one in drill["evidence"]:
        kept = Text("kept", "green") if one["kept"] else Text("BROKEN", "bold red")
        add_row(table, kept, one["text"])
    head = f"{drill['began']}: drill with {drill['kind']} {drill['target']}, by {drill['by']}: {drill['verdict']}"
    return Group(Text(clean(head), style="bold"), table)


def _reports(answer: dict[str, Any], narrow: bool) -> RenderableType:
    if not answer["drills"]:
        return Text("No drill was done here yet.")
    return Group(*(_report(drill) for drill in answer["drills"]))


# --- of the daemon itself ---


def _status(config: Path, socket: Path | None) -> dict[str, Any] | None:
    try:
        return client_of(config, socket).get("status")
    except (DaemonAway, NotAllowed, Refused):
        return None


def _online(config: Path, socket: Path | None) -> set[str]:
    status = _status(config, socket)
    return set() if status is None else {id for id, one in status["stations"].items() if one["online"]}


def _open(client: Client) -> list[str]:
    return _ids(client, only="open", limit=MOST)


def lost_of(open_before: Sequence[str], client: Client) -> list[str]:
    """Which of these the ledger does not know any more. One that began long ago stands far down in it."""
    lost = set(open_before)
    for query in ({"only": "open", "limit": MOST}, {"limit": FEW}, {"limit": MOST}):
        if lost:
            lost -= {*_ids(client, **query)}
    return sorted(lost)


def _ids(client: Client, **query: Value) -> list[str]:
    return [one["id"] for one in client.get("transactions", long=True, **query)["transactions"]]


def _until(true: Callable[[], bool], within_s: float) -> bool:
    rest, ends = threading.Event(), CLOCK.monotonic() + within_s
    while CLOCK.monotonic() < ends:
        if true():
            return True
        rest.wait(LOOK_S)
    return true()
