"""Whom alerts go to, and a test message to them."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import RenderableType

from sitectl.cli.asking import DEFAULT_CONFIG, FAILED, AsJson, Config, Socket, ask, show_answer
from sitectl.cli.tables import Answer, add_row, clean, new_table

EXAMPLES = """\b
  sitectl alerts                                who is told of problems, and whether it gets out
  sitectl alerts test                           a test message to everybody
  sitectl alerts test "mail ops@example.com"    to one of them
"""

alerts_app = typer.Typer(help="Who is told of problems, and whether it gets out.", epilog=EXAMPLES)


@alerts_app.callback(invoke_without_command=True)
def alerts(
    context: typer.Context,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """List who is told of problems, and whether it gets out."""
    if context.invoked_subcommand is None:
        show_answer(ask(config, socket, lambda client: client.get("alerts")), as_json, table)


@alerts_app.command("test")
def try_out(
    name: Annotated[str | None, typer.Argument(help="Only this receiver.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Send a test message at once, and tell how it went; exit status 1 where one did not go out."""
    answer = ask(config, socket, lambda client: client.post("alerts", "test", long=True, name=name))
    if as_json:
        print(json.dumps(answer, indent=1))
    for one in answer["tests"] if not as_json else ():
        said = "sent" if one["sent"] else f"not sent: {one['why']}"
        print(clean(f"{one['name']}: {said}"), file=sys.stdout if one["sent"] else sys.stderr)
    if not all(one["sent"] for one in answer["tests"]):
        raise typer.Exit(FAILED)


def table(answer: Answer, narrow: bool) -> RenderableType:
    """One receiver a row."""
    if not answer["alerts"]:
        return "Nobody is told of problems: add alerts to the configuration."
    shown = new_table("RECEIVER", "STATE", "SENT LAST", "WAITING", "STANDING", "WHY", right=("WAITING", "STANDING"))
    for one in answer["alerts"]:
        add_row(shown, one["name"], one["state"], one["sent"] or "-", one["waiting"], one["standing"], one["why"] or "")
    return shown
