"""The configuration as it takes effect: defaults filled in, every value with where it comes from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sitectl.config.checks_references import NO_UPLINK
from sitectl.config.draft import EvseDraft, evses_of
from sitectl.config.fields import Section, is_later, keys_of
from sitectl.config.issues import Marks, Path, dotted
from sitectl.config.models import Configuration, Meter
from sitectl.config.models_alerts import AlertSection
from sitectl.config.models_station import Station
from sitectl.model.sheets import MeterSheet
from sitectl.model.uplink import Right

DEFAULT = "default"

Fallbacks = Mapping[tuple[str, int], float]


def values(config: Configuration, fallback_a: Fallbacks, sheets: Mapping[str, MeterSheet]) -> dict[str, object]:
    """Plain data under the names of the file, with all that is inherited or solved. Unbuilt keys are left away."""
    plain = _plain(config)
    plain["circuits"] = {
        name: _plain(circuit) | {"base_load_worst_a": circuit.base_load_worst_a or 0.0}
        for name, circuit in config.circuits.items()
    }
    plain["meters"] = {
        name: _plain(meter) | ({} if meter.connection is None else {"unit": _unit(meter, sheets)})
        for name, meter in config.meters.items()
    }
    plain["stations"] = {
        name: _station(name, station, config.ocpp.security_profile, fallback_a)
        for name, station in config.stations.items()
    }
    plain["uplinks"] = {
        name: {**_plain(uplink), "rights": [right.value for right in Right] if uplink.rights is None else uplink.rights}
        for name, uplink in config.uplinks.items()
    }
    plain["alerts"] = [_alert(alert) for alert in config.alerts]
    plain["routing"] = {"default": config.routing.default or next(iter(config.uplinks), NO_UPLINK)}
    return plain


def _alert(alert: AlertSection) -> dict[str, object]:
    """The path of a webhook's address is often a secret by itself: whoever may look sees where it leads, no more."""
    plain = _plain(alert)
    if alert.webhook is not None:
        scheme, _, rest = alert.webhook.partition("://")
        plain["webhook"] = f"{scheme}://{rest.partition('/')[0].partition('?')[0]}/***"
    return plain


def origins(effective: Mapping[str, object], marks: Marks, solved: Collection[Path]) -> dict[str, str]:
    """Where each leaf of `effective` was written, by its dotted path: `site.yaml:12`, or `default`.

    A value that was not written but solved says so: `site.yaml:12, solved`.
    """
    return {
        dotted(path): _origin(path, marks) + (", solved" if path in solved else "") for path in _leaves(effective, ())
    }


def solved(config: Configuration) -> set[Path]:
    """Paths of every `fallback_a` that is auto and takes part in the solution."""
    return {
        (*evse.path, "fallback_a")
        for name, station in config.stations.items()
        if station.installed
        for evse in evses_of(name, station)
        if evse.fallback_a is None
    }


def _origin(path: Path, marks: Marks) -> str:
    mark = marks.get(path)
    if mark is None and path[2:3] == ("evses",):
        mark = marks.get((*path[:2], *path[4:]))  # what an EVSE has from its station
    return mark.origin if mark else DEFAULT


def _unit(meter: Meter, sheets: Mapping[str, MeterSheet]) -> int:
    sheet = sheets.get(meter.sheet or "")
    return meter.unit if meter.unit is not None else sheet.unit if sheet is not None else 1


def _plain(section: Section) -> dict[str, object]:
    """A section without what is absent and what is not built."""
    return {
        key: _value(getattr(section, name))
        for key, name in keys_of(type(section)).items()
        if not is_later(type(section).model_fields[name]) and getattr(section, name) is not None
    }


def _value(value: object) -> object:
    match value:
        case Section():
            return _plain(value)
        case Mapping():
            return {key: _value(item) for key, item in value.items()}
        case list():
            return [_value(item) for item in value]
    return value


def _station(name: str, station: Station, security_profile: int, fallback_a: Fallbacks) -> dict[str, object]:
    plain = _plain(station)
    plain.setdefault("phases", "L1L2L3" if station.kind == "dc" else "unknown")
    plain.setdefault("security_profile", security_profile)
    plain.setdefault("fallback_a", "auto")
    evses = list(evses_of(name, station))
    if station.evses is None:
        plain["fallback_a"] = _fallback(evses[0], fallback_a)
    else:
        plain["evses"] = {
            str(evse.number): {
                "max_a": evse.max_a,
                "min_a": evse.min_a,
                "phases": evse.phases or "unknown",
                "fallback_a": _fallback(evse, fallback_a),
                "priority": evse.priority,
            }
            for evse in evses
        }
    return plain


def _fallback(evse: EvseDraft, fallback_a: Fallbacks) -> object:
    """Stations that are not installed take no part in the solution: theirs stays as it was written."""
    solved = fallback_a.get((evse.station, evse.number), evse.fallback_a)
    return "auto" if solved is None else solved


def _leaves(value: object, path: Path) -> Iterator[Path]:
    """Paths of scalars, lists and empty mappings."""
    if isinstance(value, Mapping) and value:
        for key, child in value.items():
            yield from _leaves(child, (*path, key))
    else:
        yield path
