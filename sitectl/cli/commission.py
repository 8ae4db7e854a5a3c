"""`sitectl commission`: the steps as they stand, what a person confirms, the signed record as JSON and as a page."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sitectl.cli import adopting
from sitectl.cli.asking import DEFAULT_CONFIG, FAILED, USAGE, AsJson, Config, Socket, ask, fail, show_answer
from sitectl.cli.tables import add_row, clean

EXAMPLES = """\b
  sitectl commission                                   how far this site is, and what to do next
  sitectl commission knocking                          stations that are there and listed nowhere
  sitectl commission confirm files --note "no remote firmware here"
  sitectl commission record --out record.html          the record, to print and to hand over
  sitectl commission verify record.json                whether a record is as it was signed
"""
COLOURS = {"green": "green", "red": "bold red", "open": "yellow", "by hand": "cyan", "none": "dim"}
commission_app = typer.Typer(help="Bring a site to work, step by step, each proven.", epilog=EXAMPLES)


@commission_app.callback(invoke_without_command=True)
def commission(
    context: typer.Context,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Show the steps with their evidence. Exit status 1 while one is red or open."""
    if context.invoked_subcommand is not None:
        return
    answer = ask(config, socket, lambda client: client.get("commission"))
    show_answer(answer, as_json, _steps)
    if not answer["finished"]:
        raise typer.Exit(FAILED)


commission_app.command("knocking")(adopting.knocking)
commission_app.command("window", epilog=adopting.WINDOW_EXAMPLES)(adopting.window)


@commission_app.command("confirm")
def confirm(
    step: Annotated[str, typer.Argument(help="Its word in the list, such as files.")],
    note: Annotated[str, typer.Option(help="What was done, or why it does not apply; it stands in the record.")],
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Confirm a step that cannot be seen from here. What is seen to be wrong cannot be confirmed."""
    answer = ask(config, socket, lambda client: client.post("commission", "steps", step, body={"note": note}))
    show_answer(answer, as_json, _one)


@commission_app.command("withdraw")
def withdraw(
    step: Annotated[str, typer.Argument(help="Its word in the list.")],
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Withdraw a confirmation: the step is as it is seen again."""
    answer = ask(config, socket, lambda client: client.delete("commission", "steps", step))
    show_answer(answer, as_json, _one)


@commission_app.command("record")
def record(
    out: Annotated[
        Path | None, typer.Option("--out", help="Write it there; FILE.html is a page to print, else JSON.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Make the commissioning record: steps, limits, wiring, tests, firmware, fallbacks, signed by this gateway."""
    document = ask(config, socket, lambda client: client.post("commission", "record", long=True))
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    if out is not None and out.suffix.lower() in (".html", ".htm"):
        from sitectl.cli.record_page import page

        text = page(document)
    if out is None:
        print(text, end="")
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise fail(f"{out}: {error.strerror}; name a file that you may write", FAILED) from error
    left = [step["key"] for step in document["steps"] if step["light"] in ("red", "open") and step["key"] != "record"]
    print(f"{out}: written{'' if document['finished'] else '; not finished: ' + ', '.join(left)}", file=sys.stderr)


@commission_app.command("verify")
def verify(file: Annotated[Path, typer.Argument(help="A record, JSON or its page.")], as_json: AsJson = False) -> None:
    """Say whether a record is as it was signed, and by which key."""
    from sitectl.cli.record_page import within
    from sitectl.security.seal import verify as wrong_with

    try:
        text = file.read_text("utf-8")
        document = json.loads(within(text))
    except OSError as error:
        raise fail(f"{file}: {error.strerror}", USAGE) from error
    except ValueError as error:
        raise fail(f"{file}: holds no record", FAILED) from error
    wrong = wrong_with(document) if isinstance(document, dict) else "it is no record"
    key = document["signature"]["public_key"] if wrong is None else None
    if as_json:
        print(json.dumps({"schema": 1, "valid": wrong is None, "why": wrong, "public_key": key}))
    if wrong is not None:
        raise fail(f"{file}: not to be trusted: {wrong}", FAILED)
    if not as_json:
        print(
            clean(f"{file}: as it was signed, for {document.get('site')} at {document.get('made')}, by the key {key}")
        )


def _steps(answer: dict[str, Any], narrow: bool) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("")
    table.add_column("STEP")
    table.add_column("STANDS")
    table.add_column("EVIDENCE, AND WHAT TO DO", overflow="fold")
    for step in answer["steps"]:
        told = Text("\n".join(clean(line) for line in step["evidence"]), style="dim")
        if step["do"]:
            told.append(f"\n{clean(step['do'])}", style="not dim")
        light = Text(step["light"], style=COLOURS[step["light"]])
        name = step["key"] if narrow else f"{step['title']} ({step['key']})"
        add_row(table, step["number"], name, light, told)
    left = [step for step in answer["steps"] if step["light"] in ("red", "open")]
    if answer["finished"]:
        return Group(table, Text("\nAll steps are proven." if not left else f"\nNext: {clean(left[0]['do'])}"))
    return Group(table, Text(f"\nNext, {clean(left[0]['key'])}: {clean(left[0]['do'])}"))


def _one(answer: dict[str, Any], narrow: bool) -> RenderableType:
    step = answer["step"]
    return Text(clean(f"{step['key']}: {step['light']}; {step['evidence'][-1]}"))
