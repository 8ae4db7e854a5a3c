"""The commands about healing: how it stands, what it did, by which rules; let it act, or leave a station alone."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sitectl.cli import heal_tables
from sitectl.cli.asking import DEFAULT_CONFIG, USAGE, AsJson, Config, Socket, ask, fail, show_answer, tell_of_strangers
from sitectl.cli.ceilings import seconds_of
from sitectl.cli.client import Client
from sitectl.cli.since import begin_of

EXAMPLES = """\b
  sitectl heal                         what is wrong, what is being done about it, and what comes next
  sitectl heal history --since 7d      what was done, or would have been, and how well that works
  sitectl heal mode act                from looking on to acting
  sitectl heal pause CP01 --for 2h     nobody but you works on CP01
"""
heal_app = typer.Typer(
    help="What is wrong with stations, and what is done about it.", invoke_without_command=True, epilog=EXAMPLES
)


class Mode(StrEnum):
    """What healing does."""

    OBSERVE = "observe"
    ACT = "act"
    OFF = "off"
    CONFIGURED = "configured"


Station = Annotated[str, typer.Argument(help="The station.")]


@heal_app.callback()
def heal(
    context: typer.Context, as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None
) -> None:
    """What is wrong with stations, what is being done about it, and what comes next."""
    if context.invoked_subcommand is None:
        show_answer(ask(config, socket, lambda client: client.get("healing")), as_json, heal_tables.standing)


@heal_app.command("history")
def history(
    station: Annotated[str | None, typer.Option(help="Only of this station.")] = None,
    since: Annotated[str, typer.Option(help="How far back: 30s, 15m, 1h, 2d, or a time.")] = "30d",
    limit: Annotated[int, typer.Option(min=1, max=10000, help="The newest so many.")] = 1000,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """What was done about which symptom, whether it helped, and how well healing works: by rule, vendor, firmware."""
    begin = begin_of(since)

    def question(client: Client) -> dict[str, Any]:
        return client.get("healing", "history", since=begin, station=station, limit=limit)

    answer = ask(config, socket, question)
    show_answer(answer, as_json, heal_tables.history)
    if not answer["attempts"]:
        tell_of_strangers(config, socket, station)


@heal_app.command("rules")
def rules(as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """The rules that hold: which symptom, and which remedies one after the other."""
    show_answer(ask(config, socket, lambda client: client.get("healing", "rules")), as_json, heal_tables.rules)


@heal_app.command("mode")
def mode(
    mode: Annotated[Mode, typer.Argument(help="observe: say what it would do; act: do it; off; configured.")],
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Let healing observe, act, or rest, over what the configuration says."""
    body = {"mode": None if mode is Mode.CONFIGURED else mode.value}
    answer = ask(config, socket, lambda client: client.put("healing", "mode", body=body))
    show_answer(answer, as_json, heal_tables.mode)


@heal_app.command("pause")
def pause(
    id: Station,
    why: Annotated[str, typer.Option(help="Why.")] = "",
    for_: Annotated[str | None, typer.Option("--for", help="For how long: 30m, 2h, 1d; else until `resume`.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Leave a station alone: nothing is done about it until it is resumed."""
    body = {"why": why, "for_s": None if for_ is None else seconds_of(for_, "--for")}
    path = ("stations", id, "healing", "pause")
    show_answer(ask(config, socket, lambda client: client.put(*path, body=body)), as_json, heal_tables.paused)


@heal_app.command("resume")
def resume(id: Station, as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """Heal a station again. You have looked at it, so a tamper alarm is over, too."""
    path = ("stations", id, "healing", "pause")
    show_answer(ask(config, socket, lambda client: client.delete(*path)), as_json, heal_tables.paused)


SIMULATE_EXAMPLES = """\b
  sitectl events --since 7d --json > week.jsonl
  sitectl heal simulate week.jsonl --config site.yaml      what these rules would have done about that week
"""


@heal_app.command("simulate", epilog=SIMULATE_EXAMPLES)
def simulate(
    file: Annotated[Path, typer.Argument(help="Events, as `sitectl events --json` prints them; - is standard input.")],
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Say what the rules of a configuration would have done about what happened. No daemon is asked."""
    from sitectl.cli.rehearsing import Unreadable, rehearsal

    try:
        answer = rehearsal(file, config)
    except Unreadable as error:
        raise fail(str(error), USAGE) from error
    show_answer(answer, as_json, heal_tables.rehearsal)
