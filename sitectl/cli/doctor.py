"""The command that looks for what is wrong on this gateway, and packs what support needs into one file."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from sitectl.cli.asking import (
    DEFAULT_CONFIG,
    DEGRADED,
    FAILED,
    AsJson,
    Config,
    Socket,
    client_of,
    fail,
    file_of,
    show_answer,
)
from sitectl.cli.client import DaemonAway, NotAllowed, Refused
from sitectl.cli.tables import Answer, clean, new_table

EXAMPLES = """\b
  sitectl doctor                            what is wrong, and what to do
  sitectl doctor --bundle support.tar.gz    and all that support needs, without secrets
  sitectl doctor --json                     for programs; exit status 0 well, 5 warnings, 1 errors
"""
COLOURS = {"ok": "green", "warning": "bold yellow", "error": "bold red"}
Bundle = Annotated[
    Path | None, typer.Option("--bundle", help="Write a support bundle (tar.gz) without secrets.", dir_okay=False)
]


def doctor(
    bundle: Bundle = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Look for what is wrong, here and on the site. Exit status 0: nothing, 5: warnings, 1: errors."""
    from sitectl.cli.doctor_checks import ERROR, WARNING, Found

    told: dict[str, Any] = {}
    found: list[Found] = [*_look(config, socket, told)]
    levels = {one.level for one in found}
    answer = {
        "schema": 1,
        "ok": not levels & {WARNING, ERROR},
        "findings": [{"check": f.check, "level": f.level, "what": f.what, "do": f.do or None} for f in found],
    }
    if bundle is not None:
        _write_bundle(bundle, config, socket, answer, told)
    show_answer(answer, as_json, table)
    if ERROR in levels:
        raise typer.Exit(FAILED)
    if WARNING in levels:
        raise typer.Exit(DEGRADED)


def _look(config: Path, socket: Path | None, told: dict[str, Any]) -> Iterator[Any]:
    """Everything; `told` gets what the daemon answered."""
    from sitectl.base.clock import SystemClock
    from sitectl.cli import doctor_checks as here
    from sitectl.config.load import Broken, load

    if socket is not None:
        config = file_of(config, client_of(config, socket))
    loaded = load(config)
    yield from here.configuration(loaded)
    running = [*_daemon(config, socket, told)]
    yield from here.clock()
    yield here.memory()
    if not isinstance(loaded, Broken):
        yield from here.permissions(loaded)
        yield from here.disk(loaded.settings.site.data_dir)
        yield from here.listeners(loaded, "status" in told)
        yield from here.certificates(loaded, SystemClock().wall())
    if (pid := told.get("pid")) is not None:
        yield from here.process(pid)
    yield from running


def _daemon(config: Path, socket: Path | None, told: dict[str, Any]) -> Iterator[Any]:
    from sitectl.cli import doctor_running as there
    from sitectl.cli.doctor_checks import ERROR, Found

    try:
        client = client_of(config, socket)
        status, inventory = client.get("status"), client.get("inventory")
    except (DaemonAway, NotAllowed, Refused) as error:
        do = "Start it: `systemctl start sitectl`; its log says why it ended: `journalctl -u sitectl -n 50`."
        yield Found("daemon", ERROR, str(error), do)
        return
    except typer.Exit:
        yield Found("daemon", ERROR, f"{config}: no such file", "Name the configuration: --config F.")
        return
    told |= {"status": status, "inventory": inventory, "pid": client.pid()}
    yield there.versions(own_version(), inventory)
    yield there.control(status)
    yield from there.store(status)
    yield from there.stations(inventory)
    yield from there.uplinks(inventory)
    names = [id for id, one in inventory["meters"].items() if one["connection"] is not None]
    if names:
        from sitectl.cli import metering

        yield from there.meters(names, lambda name: metering.read(config, socket, name))
    yield from there.problems(status)


def own_version() -> str:
    """Of this command line."""
    try:
        return version("sitectl")
    except PackageNotFoundError:
        return "unknown"


def _write_bundle(path: Path, config: Path, socket: Path | None, answer: Answer, told: dict[str, Any]) -> None:
    from sitectl.cli.bundle import NotClean, write

    try:
        client = client_of(config, socket) if "status" in told else None
        write(path, config, client, answer, told)
    except NotClean as error:
        raise fail(f"{error}; no bundle was written", FAILED) from error
    except OSError as error:
        raise fail(f"{error.filename or path}: {error.strerror or error}", FAILED) from error


def table(answer: Answer, narrow: bool) -> RenderableType:
    """What is wrong first, each with what to do; then what is well."""
    shown = new_table("", "CHECK", "WHAT AND WHAT TO DO")
    order = {"error": 0, "warning": 1, "ok": 2}
    for one in sorted(answer["findings"], key=lambda one: order[one["level"]]):
        text = Text(clean(one["what"]))
        if one["do"]:
            text.append(f". {clean(one['do'])}", style="dim")
        shown.add_row(Text(one["level"], style=COLOURS[one["level"]]), Text(one["check"]), text)
    bad = sum(1 for one in answer["findings"] if one["level"] != "ok")
    verdict = "nothing is wrong" if not bad else f"{bad} findings"
    return Group(shown, "", Text(verdict))
