"""Sheets of station models: YAML files of facts, shipped with the quirks room or put by the operator in `stations.d/`.

All of them are read, since whom they fit shows only when a station says who it is. One of the operator takes the place
of a shipped one of the same name; of two that are equally specific and differ, neither is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files as package_files
from pathlib import Path as FilePath

from sitectl.config import document, files, shape
from sitectl.config.document import Document
from sitectl.config.draft import Draft
from sitectl.config.fields import keys_of
from sitectl.config.issues import Findings, Issue, Path, shown
from sitectl.config.notation import parse_host_address
from sitectl.config.sheets import Shelf
from sitectl.config.station_sheet_shape import GROUPS, MatchSection, StationSheetSection, bounds
from sitectl.quirks.match import ties
from sitectl.quirks.sheet import ANY_FIRMWARE, Bounds, Pattern, StationSheet

DIRECTORY = "stations.d"
_LIMIT_BYTES = 64 * 1024


def shelf(directory: FilePath) -> Shelf:
    """The sheets for a configuration in `directory`. The shipped ones are data of the package, found, not imported."""
    return Shelf(directory / DIRECTORY, FilePath(str(package_files("sitectl") / "quirks" / "sheets")))


def gather_sheets(draft: Draft) -> dict[str, StationSheet]:
    """Read them all, by name, and report each that is no sheet, every tie, and stations that name none of them."""
    shelved = shelf(draft.directory)
    found: dict[str, StationSheet] = {}
    for name in shelved.names():
        path = shelved.find(name)
        sheet = load_sheet(path) if path is not None else []
        if isinstance(sheet, StationSheet):
            found[name] = sheet
        else:
            draft.findings.errors += sheet
    draft.findings.errors += _ties(found, shelved)
    addresses: dict[str, str] = {}
    for station, body in draft.section("stations").items():
        if isinstance(body, Mapping):
            _check_named(draft, station, body, found, shelved)
            _check_address(draft, station, body, found, addresses)
    return found


def _check_named(
    draft: Draft, station: str, body: Mapping[str, object], found: Mapping[str, StationSheet], shelved: Shelf
) -> None:
    named = body.get("sheet")
    if isinstance(named, str) and named not in found and shelved.find(named) is None:
        draft.findings.error(("stations", station, "sheet"), f"no sheet {shown(named)}", shelved.cure(named))
    sheet = found.get(named) if isinstance(named, str) else None
    if sheet is not None and body.get("control") in (None, "auto"):
        _check_fallback(draft, ("stations", station, "sheet"), sheet)


def _check_fallback(draft: Draft, path: Path, sheet: StationSheet) -> None:
    """The proof that fallbacks fit rests on them: say where a station has none, whatever is told to it."""
    steps = sheet.flags.get("limit.steps")
    if isinstance(steps, tuple) and set(steps) <= {"start_stop", "none"}:
        message = "by this sheet no profile limits it, so no fallback binds it"
        draft.findings.warn(path, message, f"write control: {steps[0]}; then all that it can take is counted")
    elif sheet.flags.get("limit.forgets") is True:
        message = "by this sheet its fallback is gone with its connection: off-line it takes max_a"
        draft.findings.warn(path, message, "keep so much free, or write allocation.dead_controller: proven")


def _check_address(
    draft: Draft,
    station: str,
    body: Mapping[str, object],
    found: Mapping[str, StationSheet],
    addresses: dict[str, str],
) -> None:
    """An address names a station only where its sheet says so; and one address names one station."""
    address, named = body.get("address"), body.get("sheet")
    sheet = found.get(named) if isinstance(named, str) else None
    by_address = sheet is not None and sheet.flags.get("transport.identity") == "address"
    path = ("stations", station, "address")
    if by_address and address is None:
        cure = "write the address that it connects from: address: 10.20.0.7"
        draft.findings.error(path[:-1], "absent: its sheet says that it names itself nowhere", cure)
    if not isinstance(address, str):
        return
    if not by_address:
        draft.findings.warn(path, "nothing goes by it", "name its sheet, one with transport.identity: address")
    parsed = parse_host_address(address)
    other = addresses.setdefault(parsed, station) if isinstance(parsed, str) else station
    if other != station:
        draft.findings.error(path, f"stations.{other} connects from there too", "give each its own address")


def load_sheet(path: FilePath) -> StationSheet | list[Issue]:
    """Read one sheet; every fault of it when it cannot be used."""
    content = files.read(path, _LIMIT_BYTES)
    if isinstance(content, files.Unreadable):
        return [Issue(str(path), None, None, "", content.reason, content.cure)]
    read = document.parse(content.data, str(path))
    if not isinstance(read.data, dict):
        return read.errors or [Issue(read.file, 1, 1, "", "not a sheet", "begin with id: and title:")]
    return _checked(read, read.data, path.stem)


def _checked(read: Document, data: dict[str, object], stem: str) -> StationSheet | list[Issue]:
    findings = Findings(read.marks, read.file, list(read.errors), lost=read.lost)
    sheet = shape.validate(StationSheetSection, data, findings)
    if sheet is None or findings.errors:
        return findings.errors
    if sheet.id != stem:
        findings.error(("id",), f"{shown(sheet.id)} is not the name of the file", f"write id: {stem}")
    for number, fit in enumerate(sheet.match):
        if not fit.vendor.strip() and fit.model is None:
            cure = "name its model too, for others name no vendor either"
            findings.error(("match", number, "vendor"), "empty, and no model is named", cure)
    flags = dict(_flags(sheet))
    if not flags and not findings.errors:
        findings.error(("id",), "states nothing", "write what it does that the standard does not say", at_key=True)
    if findings.errors:
        return findings.errors
    patterns = tuple(dict.fromkeys(_pattern(fit) for fit in sheet.match))
    return StationSheet(sheet.id, sheet.title, flags, patterns, tuple(sheet.sources), tuple(sheet.notes))


def _flags(sheet: StationSheetSection) -> Iterator[tuple[str, object]]:
    for group, attribute in GROUPS.items():
        section = getattr(sheet, attribute)
        for key, name in keys_of(type(section)).items():
            value = getattr(section, name)
            if value is not None:
                yield f"{group}.{key}", tuple(value) if isinstance(value, list) else value


def _pattern(fit: MatchSection) -> Pattern:
    firmware = ANY_FIRMWARE if fit.firmware is None else bounds(fit.firmware)
    assert isinstance(firmware, Bounds)  # it has passed the shape
    return Pattern(fit.vendor.strip().lower(), None if fit.model is None else fit.model.strip().lower(), firmware)


def _ties(found: Mapping[str, StationSheet], shelved: Shelf) -> Iterator[Issue]:
    """At the match of the sheet that can be changed: the operator's own, else the later one."""
    for tie in ties(list(found.values())):
        paths = {name: shelved.find(name) for name in (tie.one, tie.other)}
        own = [name for name, path in paths.items() if path is not None and path.parent == shelved.own]
        name = (own or [tie.other])[-1]
        rival = tie.one if name == tie.other else tie.other
        path = paths[name]
        assert path is not None
        content = files.read(path, _LIMIT_BYTES)
        marks = {} if isinstance(content, files.Unreadable) else document.parse(content.data, str(path)).marks
        findings = Findings(marks, str(path))
        message = f"{rival} fits some of the same stations, is as specific, and states another {tie.flag}"
        cure = f"match more narrowly, or name this file {rival}.yaml to take the place of that sheet"
        findings.error(("match",), message, cure, at_key=True)
        yield from findings.errors
