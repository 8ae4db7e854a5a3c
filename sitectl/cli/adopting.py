"""Stations that stand in no file: who knocks, `station adopt` and `station forget`, and the commissioning window."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from sitectl.cli.asking import DEFAULT_CONFIG, USAGE, AsJson, Config, Socket, ask, fail, show_answer
from sitectl.cli.ceilings import seconds_of
from sitectl.cli.client import Client
from sitectl.cli.tables import add_row, clean, new_table

Id = Annotated[str, typer.Argument(help="The identity that is set in the station.")]

ADOPT_EXAMPLES = """\b
  sitectl commission knocking                            who is there and stands in no file
  sitectl station adopt CP09 --circuit garage --max-a 16
  sitectl station adopt CP09 --circuit garage --max-a 16 --phases L2L3L1 --set priority=2
"""
WINDOW_EXAMPLES = """\b
  sitectl commission window --for 30m        believe listed stations without a credential for half an hour
  sitectl commission window --close          end that
"""


def adopt(
    id: Id,
    circuit: Annotated[str, typer.Option(help="The circuit that feeds it.")],
    max_a: Annotated[float, typer.Option(help="Its own fuse and cable, ampere per phase.")],
    phases: Annotated[str, typer.Option(help="Where its L1, L2, L3 are wired, or unknown.")] = "unknown",
    more: Annotated[list[str] | None, typer.Option("--set", help="Another key, as KEY=VALUE.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """List a station that stands in no file: it is let in for good, limited, and its credential pinned."""
    body = {"circuit": circuit, "max_a": max_a, "phases": phases, **_pairs(more or [])}
    answer = ask(config, socket, lambda client: client.post("stations", id, "adopt", body=body, long=True))
    show_answer(answer, as_json, _adopted)


def forget(id: Id, as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """Let a station that was adopted be a stranger again."""
    answer = ask(config, socket, lambda client: client.delete("stations", id, "adopt", long=True))
    show_answer(answer, as_json, _adopted)


def knocking(as_json: AsJson = False, config: Config = DEFAULT_CONFIG, socket: Socket = None) -> None:
    """List who knocks and stands in no file, and the URL that the others need."""

    def question(client: Client) -> dict[str, Any]:
        settings = client.get("config")["settings"]
        return client.get("commission", "knocking") | {"url": f"ws://{settings['ocpp']['listen']}/<its id>"}

    show_answer(ask(config, socket, question), as_json, _knocking)


def window(
    valid: Annotated[str | None, typer.Option("--for", help="Open it for so long: 30m, 2h.")] = None,
    close: Annotated[bool, typer.Option("--close", help="Close it.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Let listed stations without a credential in, and pin what they show. Without an option: whether it is so."""
    if close and valid is not None:
        raise fail("say --for how long, or --close", USAGE)
    for_s = None if valid is None else str(seconds_of(valid))

    def question(client: Client) -> dict[str, Any]:
        path = ("commission", "window")
        if close:
            return client.delete(*path)
        return client.get(*path) if for_s is None else client.post(*path, for_s=for_s)

    show_answer(ask(config, socket, question), as_json, _window)


def _pairs(texts: list[str]) -> dict[str, object]:
    """KEY=VALUE, the value as YAML reads it."""
    from sitectl.config.document import parse

    found: dict[str, object] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        read = parse(f"value: {value}".encode(), "--set")
        if not (key and equals) or read.errors or not isinstance(read.data, dict):
            raise fail(f"--set {text!r}: write KEY=VALUE, such as priority=2", USAGE)
        found[key] = read.data["value"]
    return found


def _adopted(answer: dict[str, Any], narrow: bool) -> RenderableType:
    if answer["adopted"] is None:
        return Text(clean(f"{answer['station']}: a stranger again"))
    facts = ", ".join(f"{key} {value}" for key, value in answer["adopted"].items())
    return Text(clean(f"{answer['station']}: adopted ({facts}); it connects anew, and what it shows is pinned"))


def _knocking(answer: dict[str, Any], narrow: bool) -> RenderableType:
    url = Text(clean(f"In a station that is not here yet, set the URL of its central system: {answer['url']}"))
    if not answer["knocking"]:
        return Group(Text("Nobody knocks."), url)
    table = new_table("STATION", "ONLINE", "OCPP", "VENDOR", "MODEL", "FIRMWARE", *(() if narrow else ("SERIAL",)))
    for one in answer["knocking"]:
        row = [one["station"], "yes" if one["online"] else "no"]
        row += [one[key] or "-" for key in ("ocpp", "vendor", "model", "firmware", *(() if narrow else ("serial",)))]
        add_row(table, *row)
    first = answer["knocking"][0]["station"]
    how = Text(clean(f"Take one in: sitectl station adopt {first} --circuit CIRCUIT --max-a AMPERES"))
    return Group(table, how, url)


def _window(answer: dict[str, Any], narrow: bool) -> RenderableType:
    until = answer["open_until"]
    if until is None:
        return Text("Closed: a station without a known credential is turned away, once ocpp.commissioning_s is over.")
    return Text(f"Open until {until}: what a listed station without a credential shows is pinned.")
