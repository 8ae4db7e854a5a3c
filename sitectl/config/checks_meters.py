"""Meters can be read, and what they say may guard a fuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sitectl.config.draft import Draft
from sitectl.config.issues import Path, did_you_mean, shown
from sitectl.config.models import Meter
from sitectl.model.sheets import MeterSheet, Protocol

_OF_A_DEVICE = ("sheet", "connection", "unit", "device", "positive", "max_a")


def check(draft: Draft, sheets: Mapping[str, MeterSheet]) -> None:
    """Report meters that cannot be read or reckoned, sheets that cannot guard a fuse, and directions that nobody has
    said. `sheets`: what was found."""
    for name, meter in draft.config.meters.items():
        if is_virtual(meter):
            _check_virtual(draft, name, meter)
        else:
            _check_device(draft, name, meter, sheets)
        if meter.substitute is not None:
            _check_substitute(draft, name, meter)
    _check_cycles(draft, "substitute", {n: _links(m.substitute) for n, m in draft.config.meters.items()})
    _check_cycles(draft, "sum", {n: _parts(m) for n, m in draft.config.meters.items()})
    _check_places(draft, sheets)


def is_virtual(meter: Meter) -> bool:
    """Whether it is reckoned from others."""
    return meter.sum is not None or meter.minus is not None


def _links(substitute: str | None) -> Sequence[str]:
    return [] if substitute is None else [substitute]


def _parts(meter: Meter) -> Sequence[str]:
    return [*(meter.sum or ()), *(meter.minus or ())]


def _check_virtual(draft: Draft, name: str, meter: Meter) -> None:
    for key in _OF_A_DEVICE:
        if getattr(meter, key) is not None:
            message = f"a virtual meter has no {key}: it is reckoned from others"
            draft.findings.error(("meters", name, key), message, "remove it, or sum and minus")
    if not meter.sum:
        message = "a virtual meter adds up at least one other"
        draft.findings.error(("meters", name, "sum"), message, "write sum: [main]")
    for key in ("sum", "minus"):
        for index, part in enumerate(getattr(meter, key) or ()):
            _check_name(draft, ("meters", name, key, index), part)


def _check_name(draft: Draft, path: Path, name: str) -> None:
    names = draft.section("meters")
    if name not in names:
        cure = did_you_mean(name, [other for other in names if other != path[1]])
        draft.findings.error(path, f"no meter {shown(name)}", cure)


def _check_device(draft: Draft, name: str, meter: Meter, sheets: Mapping[str, MeterSheet]) -> None:
    written = draft.section("meters", name)
    sheet = sheets.get(meter.sheet or "")
    if written.get("sheet") is None:
        draft.findings.error(("meters", name, "sheet"), "required, but absent", "write sheet: …, or sum: [main]")
    counted = sheet is not None and sheet.protocol is Protocol.STATIONS
    if counted:
        for key in _OF_A_DEVICE[1:]:
            if getattr(meter, key) is not None:
                message = f"what stations say has no {key}"
                draft.findings.error(("meters", name, key), message, "remove it")
    elif written.get("connection") is None:
        draft.findings.error(("meters", name, "connection"), "required, but absent", "write connection: …")
    if sheet is None:
        return
    if meter.device is not None and sheet.protocol is not Protocol.SUNSPEC:
        message = "only what a scan finds is told apart by device"
        draft.findings.error(("meters", name, "device"), message, "remove it, or write sheet: sunspec")
    _check_sheet(draft, name, sheet)


def _check_substitute(draft: Draft, name: str, meter: Meter) -> None:
    path = ("meters", name, "substitute")
    assert meter.substitute is not None
    _check_name(draft, path, meter.substitute)
    other = draft.config.meters.get(meter.substitute)
    if other is None or other is meter:
        return
    same = (other.connection, other.unit, other.device) == (meter.connection, meter.unit, meter.device)
    if meter.connection is not None and same:
        message = f"{meter.substitute} is the same device, so it is lost together with this one"
        draft.findings.warn(path, message, "name another one")
    if meter.substitute in _parts(meter) or name in _parts(other):
        message = "one of the two is reckoned from the other, so they are lost together"
        draft.findings.warn(path, message, "name a meter that is read by itself")


def _check_cycles(draft: Draft, key: str, links: Mapping[str, Sequence[str]]) -> None:
    """Each meter that leads back to itself is told once, at its own key."""
    for name in links:
        way = _way_back(name, links)
        if way:
            path = ("meters", name, key)
            cure = "let no meter lead back to itself"
            draft.findings.error(path, f"leads back to itself: {' → '.join(way)}", cure)
            return


def _way_back(name: str, links: Mapping[str, Sequence[str]]) -> list[str]:
    ways = [[name, each] for each in links[name]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        if way[-1] == name:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            ways += [[*way, each] for each in links.get(way[-1], ())]
    return []


def _check_places(draft: Draft, sheets: Mapping[str, MeterSheet]) -> None:
    """What stations say belongs to one circuit; what is taken away from a circuit's meter still flows there."""
    circuits = draft.config.circuits
    for name, meter in draft.config.meters.items():
        places = [circuit for circuit, body in circuits.items() if body.meter == name]
        sheet = sheets.get(meter.sheet or "")
        if sheet is not None and sheet.protocol is Protocol.STATIONS and len(places) != 1:
            message = f"adds up the stations of one circuit, and {len(places) or 'none'} names it"
            draft.findings.error(("meters", name), message, f"write meter: {name} at that circuit", at_key=True)
        for place in [c for c, body in circuits.items() if meter.minus and body.meter in (meter.sum or ())]:
            if circuits[place].generation_a == 0:
                message = (
                    f"meter {name} takes {', '.join(meter.minus or ())} away, and circuit {place} has no generation"
                )
                cure = f"where that is generation, write circuits.{place}.generation_a: what it feeds in at most"
                draft.findings.warn(("circuits", place), message, cure, at_key=True)
        for index, part in enumerate(meter.minus or ()):
            for place in places:
                below = [c for c, body in circuits.items() if body.meter == part and _is_below(draft, c, place)]
                if below:
                    message = f"leaves out what flows into circuit {below[0]}, which hangs below circuit {place}"
                    cure = "a circuit's meter measures all that flows there: take another"
                    draft.findings.warn(("meters", name, "minus", index), message, cure)


def _is_below(draft: Draft, circuit: str, above: str) -> bool:
    seen: set[str] = set()
    here: str | None = circuit
    while here is not None and here not in seen:
        seen.add(here)
        here = draft.config.circuits[here].parent if here in draft.config.circuits else None
        if here == above:
            return True
    return False


def _check_sheet(draft: Draft, name: str, sheet: MeterSheet) -> None:
    path = ("meters", name, "sheet")
    unsaid = draft.config.meters[name].positive is None
    if sheet.refused is not None:
        why, _, cure = sheet.refused.partition(": ")
        draft.findings.error(path, f"{sheet.title} cannot guard a fuse: {why}", cure)
    elif not sheet.confirmed:
        message = f"what is known of {sheet.title} comes from one source only"
        cure = "compare every value with the display of the meter"
        if unsaid:
            cure = "compare every value with the display of the meter, then write positive: import or positive: export"
            draft.findings.error(path, f"{message}, so it is not sure which direction is positive", cure)
        else:
            draft.findings.warn(path, message, cure)
    elif sheet.explicit_sign and unsaid and sheet.protocol is Protocol.MODBUS:
        message = f"on {sheet.title} the direction depends on how the meter was set up"
        draft.findings.error(path, message, "write positive: import or positive: export")
