"""Examples of commands that have none beside them: shown under `--help`, and in the manual."""

from __future__ import annotations

import re

import typer

EXAMPLES: dict[str, tuple[str, ...]] = {
    "demo": ("sitectl demo --stations 30 --seconds 120", "sitectl demo --json | tail -1"),
    "transactions": (
        "sitectl transactions --open               what runs",
        "sitectl transactions --unsent             what a central has not acknowledged",
        "sitectl transactions --dead               what it refused for good, when and why",
    ),
    "transaction requeue": ("sitectl transaction requeue 01J9               the beginning of its id is enough",),
    "events": (
        "sitectl events --since 1h --type transaction      all that begin so",
        "sitectl events --station CP01 --follow            as they come; ctrl-C ends it",
        "sitectl events --since 12h --type problem --type healing    what was wrong last night",
        "sitectl events --since 7d --type ceiling --type evse.availability    who changed a limit or the service",
        "sitectl events --since 1d --json | jq -c .",
    ),
    "timeline": (
        "sitectl timeline CP01                     the last hour, both wires and events",
        "sitectl timeline CP01 --since 2d --search SetChargingProfile --raw",
    ),
    "config show": (
        "sitectl config show                       as the files say it",
        "sitectl config show --effective --origin  with all that holds, and where each value comes from",
    ),
    "config schema": ("sitectl config schema > site.schema.json          for an editor",),
    "meter read": ("sitectl meter read main",),
    "meter watch": ("sitectl meter watch main --interval 0.5", "sitectl meter watch main --count 60 --json"),
    "meter scan": (
        "sitectl meter scan tcp://10.0.0.5:502",
        "sitectl meter scan rtu:///dev/ttyUSB0 --units 1-16       at the usual speeds",
    ),
    "meter test": ("sitectl meter test main --seconds 60              exit status 1 where it is not fit",),
    "alerts test": ("sitectl alerts test                       a message by every channel",),
    "station availability": (
        "sitectl station availability CP01 inoperative",
        "sitectl station availability CP01 operative --evse 2",
    ),
    "station reset": ("sitectl station reset CP01                softly; refused while a car charges there",),
    "station unlock": ("sitectl station unlock CP01 --evse 2",),
    "station quirks": ("sitectl station quirks CP01               what is known to be odd about it",),
    "station probe": ("sitectl station probe CP01                with the car that charges there",),
    "station limit-test": ("sitectl station limit-test CP01 --evse 2",),
    "station phase-test": ("sitectl station phase-test CP01           others are held meanwhile",),
    "station forget": ("sitectl station forget CP01               adopted at run time, and no longer wanted",),
    "station password": ("sitectl station password CP01             a new one, made here and pushed to it",),
    "commission knocking": ("sitectl commission knocking               who is there and listed nowhere",),
    "commission confirm": ('sitectl commission confirm files --note "no remote firmware here"',),
    "commission withdraw": ("sitectl commission withdraw files",),
    "commission record": ("sitectl commission record --out record.html       to print and to hand over",),
    "commission verify": ("sitectl commission verify record.json",),
    "drill uplink": ("sitectl drill uplink central",),
    "drill meter": ("sitectl drill meter main",),
    "drill station": ("sitectl drill station CP01",),
    "drill daemon": ("sitectl drill daemon",),
    "drill stop": ("sitectl drill stop                        everything as it was",),
    "drill report": ("sitectl drill report --json",),
    "heal history": ("sitectl heal history --since 7d", "sitectl heal history --station CP01"),
    "heal rules": ("sitectl heal rules",),
    "heal mode": ("sitectl heal mode observe                 say what it would do, and do nothing",),
    "heal pause": ('sitectl heal pause CP01 --for 2h --why "somebody works on it"',),
    "heal resume": ("sitectl heal resume CP01",),
    "uplink test": ("sitectl uplink test central",),
    "uplink pause": ("sitectl uplink pause central",),
    "uplink resume": ("sitectl uplink resume central",),
}


def with_examples(app: typer.Typer, path: str = "") -> None:
    """Give every command its examples, where it has none of its own."""
    for command in app.registered_commands:
        name = command.name or (command.callback.__name__.replace("_", "-") if command.callback is not None else "")
        lines = EXAMPLES.get(f"{path} {name}".strip())
        if command.epilog is None and lines is not None:
            command.epilog = "\b\n" + "".join(f"  {line}\n" for line in lines)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            with_examples(group.typer_instance, f"{path} {group.name or ''}".strip())


def fit_examples(app: typer.Typer, width: int) -> None:
    """Where an example is wider than the terminal, put what is said to it below it."""
    if isinstance(app.info.epilog, str):
        app.info.epilog = fitted(app.info.epilog, width)
    for command in app.registered_commands:
        if command.epilog is not None:
            command.epilog = fitted(command.epilog, width)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            fit_examples(group.typer_instance, width)


_TOLD = re.compile(r"(  \S.*?\S)\s{2,}(\S.*)")
MARGIN = 2


def fitted(epilog: str, width: int) -> str:
    """The lines of an epilog, each with what is said to it beside it, or all below where one is too wide for that."""
    lines = epilog.split("\n")
    if all(len(line) <= width - MARGIN for line in lines):
        return epilog
    told = (_TOLD.fullmatch(line) for line in lines)
    return "\n".join(
        line if found is None else f"{found[1]}\n      {found[2]}" for line, found in zip(lines, told, strict=True)
    )
