"""What the commands on meters do: each gives the answer to print. Only they load it, as it loads a good deal."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import typer

from sitectl.cli.asking import FAILED, USAGE, ask, client_of, fail, file_of
from sitectl.cli.client import Client, DaemonAway, NotAllowed, Refused
from sitectl.cli.lines import CLOCK, line, owned
from sitectl.config.connections import parse_connection
from sitectl.config.load import Broken, load
from sitectl.config.notation import Refusal
from sitectl.config.report import print_issues
from sitectl.config.settings import MeterSettings
from sitectl.config.sheets import load_sheet, shelf
from sitectl.fieldbus.units import Device
from sitectl.meters.finding import USUAL_UNITS, Fit, Found, find_units, fits, models
from sitectl.meters.once import Look, Looker, unit_of
from sitectl.meters.trial import Trial, judge
from sitectl.model.connection import Connection, SerialConnection
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import MeterId
from sitectl.model.sheets import MeterSheet

T = TypeVar("T")
Answer = dict[str, Any]

SCHEMA = 1
TRIAL_EVERY_S = 0.2
MOST_FAULTS = 50
BAUDS, FORMATS = (9600, 19200, 38400, 115200), (("N", 1), ("E", 1), ("N", 2), ("O", 1))
"""How serial devices leave the factory, and what installers make of it; tried where the connection names no speed."""


def read(config: Path, socket: Path | None, name: str) -> Answer:
    """One reading of a meter of the configuration."""
    client = client_of(config, socket)
    settings = _meter(file_of(config, client), name)

    async def main() -> Look | str:
        async with line(client, settings.connection, _devices(settings)) as bus:
            return await Looker(settings, bus, CLOCK).look()

    return _reading(settings, _ran(config, socket, main))


def watch(
    config: Path, socket: Path | None, name: str, interval_s: float, count: int, show: Callable[[Answer], None]
) -> None:
    """One reading after the other, each to `show`; `count` 0: for ever."""
    client = client_of(config, socket)
    settings = _meter(file_of(config, client), name)

    async def main() -> None:
        async with line(client, settings.connection, _devices(settings)) as bus:
            looker, seen = Looker(settings, bus, CLOCK), 0
            while not count or seen < count:
                if seen:
                    await asyncio.sleep(interval_s)
                show(_reading(settings, await looker.look()))
                seen += 1

    _ran(config, socket, main)


def scan(config: Path, socket: Path | None, connection: str, units: str | None, say: Callable[[str], None]) -> Answer:
    """What is on a line, and the sheets that fit. `say` hears what goes on."""
    parsed = parse_connection(connection)
    if isinstance(parsed, Refusal):
        raise fail(f"{parsed.message}; {parsed.cure}", USAGE)
    wanted = USUAL_UNITS if units is None else _units(units)
    client = client_of(config, socket)
    sheets = _sheets(file_of(config, client))

    async def main() -> list[Answer]:
        found: list[Answer] = []
        for each in _ways(connection, parsed, client):
            say(f"{each} …")
            async with line(client, each) as bus:
                async for unit in find_units(bus, wanted if each == parsed else wanted[:1]):
                    if isinstance(unit, str):
                        raise fail(unit, FAILED)
                    say(f"unit {unit.unit} answers")
                    named = [] if unit.trouble else await models(bus, unit.unit)
                    fit = [] if unit.trouble else await fits(bus, unit.unit, sheets)
                    found.append(_found(each, unit, fit, named))
        return found

    return {"schema": SCHEMA, "connection": connection, "found": _ran(config, socket, main)}


def test(config: Path, socket: Path | None, name: str, seconds: float) -> Answer:
    """A trial of a meter of the configuration."""
    client = client_of(config, socket)
    settings = _meter(file_of(config, client), name)

    async def main() -> Trial:
        outcomes: list[Look | str] = []
        before = await asyncio.to_thread(_stations_a, client, name)
        async with line(client, settings.connection, _devices(settings)) as bus:
            looker, until = Looker(settings, bus, CLOCK), CLOCK.monotonic() + seconds
            while not outcomes or CLOCK.monotonic() < until:
                outcomes.append(await looker.look())
                await asyncio.sleep(TRIAL_EVERY_S)
            wrong = await looker.wiring()
        after = await asyncio.to_thread(_stations_a, client, name)
        return judge(outcomes, _less(before, after), wrong)

    trial = _ran(config, socket, main)
    counts = (owned(client) or {}).get(settings.connection.endpoint, {}).get("units", {}).get(str(settings.unit))
    return _tried(name, trial, counts)


def remember(config: Path, socket: Path | None, trial: Answer) -> None:
    """Let the commissioning know how a trial went; without a daemon, or the right to say so, nobody has to."""
    faults = [remark["text"] for remark in trial["remarks"]][:MOST_FAULTS]
    with contextlib.suppress(DaemonAway, NotAllowed, Refused):
        client = client_of(config, socket)
        client.post("commission", "meters", trial["meter"], body={"ok": trial["ok"], "faults": faults})


def _ran(config: Path, socket: Path | None, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to the end; errors of the daemon become exit statuses."""
    result: T = ask(config, socket, lambda _: asyncio.run(main()))
    return result


def _meter(config: Path, name: str) -> MeterSettings:
    loaded = load(config)
    if isinstance(loaded, Broken):
        print_issues(loaded, sys.stderr)
        raise typer.Exit(USAGE)
    settings = loaded.settings.meters.get(MeterId(name))
    if settings is None:
        known = ", ".join(loaded.settings.meters) or "none"
        raise fail(f"no meter {name!r} on a line here; there are: {known}", USAGE)
    return settings


def _devices(settings: MeterSettings) -> dict[int, Device]:
    return {settings.unit: Device(settings.sheet.pause_s)}


def _sheets(config: Path) -> Sequence[MeterSheet]:
    """Every sheet that can be read, the operator's own among them."""
    shelves = shelf(config.absolute().parent)
    read = (load_sheet(path) for name in shelves.names() if (path := shelves.find(name)) is not None)
    return [sheet for sheet in read if isinstance(sheet, MeterSheet) and sheet.blocks and not sheet.refused]


def _units(text: str) -> tuple[int, ...]:
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ends = (first, last if dash else first)
        if not all(end.isascii() and end.isdigit() and int(end) <= 255 for end in ends) or int(ends[0]) > int(ends[1]):
            raise fail(f"--units {text!r}: write numbers of 0 to 255, such as 1-16 or 1,2,33", USAGE)
        found += range(int(ends[0]), int(ends[1]) + 1)
    return tuple(dict.fromkeys(found))


def _ways(text: str, parsed: Connection, client: Client) -> list[Connection]:
    """The connection, and for a serial line without a speed that nobody owns, at all usual speeds."""
    if not isinstance(parsed, SerialConnection) or "?" in text:
        return [parsed]
    if parsed.endpoint in (owned(client) or {}):
        return [parsed]
    others = [replace(parsed, baud=baud, parity=parity, stop=stop) for baud in BAUDS for parity, stop in FORMATS]
    return [parsed, *(other for other in others if other != parsed)]


def _stations_a(client: Client, meter: str) -> PhaseCurrents | None:
    """What the stations below a meter surely draw by their own readings; None where no daemon knows."""
    try:
        return surely_drawn(client.get("status")["stations"], client.get("config")["settings"], meter)
    except DaemonAway:
        return None


def surely_drawn(stations: Mapping[str, Any], settings: Mapping[str, Any], meter: str) -> PhaseCurrents:
    """The same, of what `status` and the settings say: of one that nobody knows the wiring of, its lowest phase."""
    circuits, listed = settings["circuits"], settings["stations"]

    def is_below(circuit: str | None) -> bool:
        return circuit is not None and (
            circuits[circuit].get("meter") == meter or is_below(circuits[circuit].get("parent"))
        )

    total = [0.0, 0.0, 0.0]
    for name, station in stations.items():
        if name not in listed or not is_below(listed[name]["circuit"]):
            continue
        for number, evse in station["evses"].items():
            wired = (listed[name].get("evses") or {}).get(number, listed[name])
            draws = evse["measured_a"] or (0.0, 0.0, 0.0)
            if wired.get("phases") == "unknown" and evse["learned_l1"] is None:
                draws = [min(draws)] * 3
            total = [one + more for one, more in zip(total, draws, strict=True)]
    return PhaseCurrents(*total)


def _less(one: PhaseCurrents | None, other: PhaseCurrents | None) -> PhaseCurrents | None:
    """What was drawn all the time, as far as two looks tell."""
    if one is None or other is None:
        return None
    return PhaseCurrents(*(min(pair) for pair in zip(one, other, strict=True)))


def _reading(settings: MeterSettings, seen: Look | str) -> dict[str, Any]:
    about = {
        "schema": SCHEMA,
        "meter": settings.id,
        "sheet": settings.sheet.id,
        "connection": str(settings.connection),
        "unit": settings.unit,
    }
    if isinstance(seen, str):
        return about | {"took_ms": None, "values": {}, "current_a": None, "objection": seen}
    values = {name: {"value": value, "unit": unit_of(name)} for name, value in seen.values.items()}
    current_a = None if seen.current_a is None else [round(ampere, 3) for ampere in seen.current_a]
    took_ms = round(seen.took_s * 1000.0, 1)
    return about | {"took_ms": took_ms, "values": values, "current_a": current_a, "objection": seen.objection}


def _found(connection: Connection, unit: Found, fit: Sequence[Fit], named: Sequence[str]) -> dict[str, Any]:
    return {
        "connection": str(connection),
        "unit": unit.unit,
        "trouble": unit.trouble,
        "fits": [
            {
                "sheet": each.sheet.id,
                "title": each.sheet.title,
                "named": each.named,
                "values": each.known,
                "current_a": None if each.current_a is None else [round(ampere, 2) for ampere in each.current_a],
            }
            for each in fit
        ]
        + [
            {
                "sheet": "sunspec",
                "title": f"{text} (device: {number})",
                "named": True,
                "values": None,
                "current_a": None,
            }
            for number, text in enumerate(named, start=1)
        ],
    }


def _tried(name: str, trial: Trial, counts: dict[str, int] | None) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "meter": name,
        "ok": trial.ok,
        "reads": trial.reads,
        "failed": dict(trial.failed.most_common()),
        "answer_ms": None if trial.answer_ms is None else {"p50": trial.answer_ms[0], "max": trial.answer_ms[1]},
        "renewed_s": trial.renewed_s,
        "remarks": [{"level": remark.level.value, "text": remark.text} for remark in trial.remarks],
        "since_start": counts,
    }
