"""Names that stand for other parts of the configuration name something that exists."""

from __future__ import annotations

from collections.abc import Mapping

from sitectl.config.draft import Draft
from sitectl.config.fields import NOT_YET
from sitectl.config.issues import Path, did_you_mean, shown

NO_UPLINK = "none"


def check(draft: Draft) -> None:
    """Report references to nothing, and meters that nobody refers to."""
    for name, body in draft.section("stations").items():
        _refer(draft, body, ("stations", name, "circuit"), "circuit")
    for name, body in draft.section("circuits").items():
        _refer(draft, body, ("circuits", name, "meter"), "meter")
    _check_meters_used(draft)
    _check_uplinks(draft)
    for uplink in draft.section("uplinks"):
        _check_identities(draft, uplink)


def _refer(draft: Draft, body: object, path: Path, kind: str) -> None:
    """The value at `path`, a key of `body`, is the name of a `kind`."""
    target = body.get(str(path[-1])) if isinstance(body, Mapping) else None
    names = draft.section(f"{kind}s")
    if isinstance(target, str) and target not in names:
        draft.findings.error(path, f"no {kind} {shown(target)}", did_you_mean(target, names))


def _check_meters_used(draft: Draft) -> None:
    used: dict[object, str] = {}
    for name, body in draft.section("circuits").items():
        meter = body.get("meter") if isinstance(body, Mapping) else None
        if not isinstance(meter, str):
            continue
        if meter in used:
            message = f"meter {shown(meter)} also measures circuit {shown(used[meter])}"
            draft.findings.warn(("circuits", name, "meter"), message, "a meter measures one place: check which")
        used.setdefault(meter, name)
    parts = {
        part
        for meter in draft.config.meters.values()
        for part in (meter.substitute, *(meter.sum or ()), *(meter.minus or ()))
    }
    for name in draft.section("meters"):
        if name not in used and name not in parts:
            message, cure = "no circuit uses this meter", f"name it in a circuit: meter: {name}, or remove it"
            draft.findings.warn(("meters", name), message, cure, at_key=True)


def _check_uplinks(draft: Draft) -> None:
    uplinks = list(draft.section("uplinks"))
    for name in uplinks[1:]:
        message = f"more than one uplink {NOT_YET}"
        draft.findings.error(("uplinks", name), message, f"keep one of {', '.join(uplinks)}", at_key=True)
    if NO_UPLINK in uplinks:
        message = "an uplink cannot be called none: that word means no uplink"
        draft.findings.error(("uplinks", NO_UPLINK), message, "give it another name", at_key=True)
    target = draft.config.routing.default
    if target is not None and target != NO_UPLINK and target not in uplinks:
        cure = did_you_mean(target, [*uplinks, NO_UPLINK])
        draft.findings.error(("routing", "default"), f"no uplink {shown(target)}", cure)


def _check_identities(draft: Draft, uplink: str) -> None:
    stations = draft.section("stations")
    identities = draft.section("uplinks", uplink, "identities")
    # A station that has no other name there goes by its own, once it stands there.
    taken: dict[object, str] = {
        id: id for id in stations if id not in identities and draft.section("stations", id).get("installed", True)
    }
    for station, identity in identities.items():
        path = ("uplinks", uplink, "identities", station)
        if station not in stations:
            draft.findings.error(path, f"no station {shown(station)}", did_you_mean(station, stations), at_key=True)
        if not isinstance(identity, str):
            continue
        if identity in taken:
            message = f"{shown(identity)} is already {taken[identity]}"
            draft.findings.error(path, message, "a central knows each station by a name of its own")
        taken.setdefault(identity, station)
