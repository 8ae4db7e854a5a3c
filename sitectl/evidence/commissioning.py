"""The twelve steps of a commissioning, each green or red with its evidence, or open with what is left to do.

A step is judged from what is true now, never from having been done once: a station that lost its proof in a firmware
update is open again, and what was tested of a device, a wiring or a meter that is another one now is red until it is
tested anew. What cannot be seen from here (no car was there, no relay is wired yet) a person may confirm with a note,
which stands in the record and holds for what was left to do then; nobody can confirm what is seen to be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sitectl.evidence.facts import Confirmation, EvseFacts, SiteFacts
from sitectl.evidence.lapse import OBEDIENCE_RESTS_ON, WIRING_RESTS_ON, Basis, changes, narrowed, since

NAMED = 6
FOLLOWS_WITHIN_S = 15.0
"""A station that needs longer from an accepted limit to its readings is found as one that ignores limits."""


class Light(StrEnum):
    """How a step stands. `by hand`: a person has confirmed it; `none`: this site has no such thing."""

    GREEN = "green"
    RED = "red"
    OPEN = "open"
    BY_HAND = "by hand"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `evidence`: what was seen, line by line; `do`: what is left to do, "" when it is done."""

    number: int
    key: str
    title: str
    light: Light
    evidence: tuple[str, ...]
    do: str = ""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """`about`: what is left to do, for a person to confirm, and what each is."""

    light: Light
    evidence: tuple[str, ...]
    do: str = ""
    about: Mapping[str, Basis] = field(default_factory=dict)


def commissioning(facts: SiteFacts) -> tuple[Step, ...]:
    """All steps, in the order in which they are best done."""
    steps = []
    for number, (key, (title, judge)) in enumerate(STEPS.items(), start=1):
        verdict = judge(facts)
        confirmed = facts.confirmed.get(key)
        if verdict.light is Light.OPEN and confirmed is not None:
            verdict = _by_hand(verdict, confirmed)
        steps.append(Step(number, key, title, verdict.light, verdict.evidence, verdict.do))
    return tuple(steps)


def left(facts: SiteFacts, key: str) -> Mapping[str, Basis]:
    """What a step leaves to do, by name, and what each is: for as long as that is so a confirmation holds."""
    return STEPS[key][1](facts).about


def everything(facts: SiteFacts) -> Mapping[str, Basis]:
    """All that a record speaks of, and what it is."""
    return {
        **{f"meter {id}": meter.basis for id, meter in facts.meters.items()},
        **{f"circuit {id}": {"rated_a": f"{circuit.rated_a:g}"} for id, circuit in facts.circuits.items()},
        **{id: evse.basis for id, evse in _evses(facts).items()},
    }


def _by_hand(verdict: _Verdict, confirmed: Confirmation) -> _Verdict:
    told = f"confirmed by {confirmed.by} at {confirmed.at}: {confirmed.note}"
    if not (changed := since(confirmed.of, verdict.about)):
        return _Verdict(Light.BY_HAND, (*verdict.evidence, told))
    lapsed = f"that was before {changed}"
    return _Verdict(Light.OPEN, (*verdict.evidence, told, lapsed), f"{verdict.do} Or confirm it anew.", verdict.about)


def finished(steps: Iterable[Step]) -> bool:
    """Whether nothing is red or open but the record itself."""
    return not any(step.light in (Light.RED, Light.OPEN) for step in steps if step.key != "record")


def _site(facts: SiteFacts) -> _Verdict:
    told = (f"{facts.name}, {facts.timezone}", f"{len(facts.warnings)} warnings of `sitectl check`")
    if not facts.time_known:
        return _Verdict(Light.RED, (*told, "the time is not known"), "Give this gateway a time source (NTP, GNSS).")
    if facts.warnings:
        cure = "Read what `sitectl check` warns of; mend it, or confirm that it is meant."
        return _Verdict(Light.OPEN, told, cure, {warning: {} for warning in facts.warnings})
    return _Verdict(Light.GREEN, (*told, "the time is known"))


def _meters(facts: SiteFacts) -> _Verdict:
    if not facts.meters:
        return _Verdict(Light.NONE, ("no meter: the fuse is kept by base_load_worst_a alone",))
    told, wrong, untested, before = [], [], [], {}
    for id, meter in facts.meters.items():
        tested = {None: "never tested", True: f"test passed {meter.tested_at}", False: f"test failed {meter.tested_at}"}
        told.append(
            f"{id}: {meter.state}, {tested[meter.tested]}" + (f"; it {meter.mistrust}" if meter.mistrust else "")
        )
        if meter.tested is not None and (changed := changes(meter.tested_of, meter.basis)):
            before[id] = changed
        if meter.state in ("stale", "lost") or meter.mistrust or (meter.tested is False and id not in before):
            wrong.append(id)
        elif meter.tested is None and meter.physical:
            untested.append(id)
    if wrong:
        return _Verdict(Light.RED, tuple(told), f"See `sitectl meters` and `sitectl meter test {wrong[0]}`.")
    if before:
        return _Verdict(Light.RED, (*told, *_before(before)), f"Run `sitectl meter test {next(iter(before))}` again.")
    if untested:
        about = {id: facts.meters[id].basis for id in untested}
        return _Verdict(Light.OPEN, tuple(told), f"Run `sitectl meter test {untested[0]}`.", about)
    return _Verdict(Light.GREEN, tuple(told))


def _tree(facts: SiteFacts) -> _Verdict:
    told = tuple(
        f"{id}: fallbacks {c.fallback_a:g} A + worst base load {c.base_load_worst_a:g} A within {c.rated_a:g} A"
        for id, c in facts.circuits.items()
    )
    over = [id for id, c in facts.circuits.items() if c.fallback_a + c.base_load_worst_a > c.rated_a + 1e-6]
    if over:
        return _Verdict(Light.RED, told, f"Lower fallbacks below circuit {over[0]} (`sitectl check`).")
    return _Verdict(Light.GREEN, told)


def _adopted(facts: SiteFacts) -> _Verdict:
    never = [id for id, station in facts.stations.items() if not station.seen]
    coming = [id for id, station in facts.stations.items() if station.expected and not station.online]
    away = [id for id, station in facts.stations.items() if station.seen and not station.online and id not in coming]
    told = [f"{sum(s.online for s in facts.stations.values())} of {len(facts.stations)} listed stations are connected"]
    counts = {kind: sum(s.credential == kind for s in facts.stations.values()) for kind in _CREDENTIALS}
    told += [f"{count} with {_CREDENTIALS[kind]}" for kind, count in counts.items() if count]
    if facts.knocking:
        told.append(f"knocking: {_listed(facts.knocking)}")
    if away:
        return _Verdict(Light.RED, (*told, f"offline: {_listed(away)}"), f"Check power and network of {away[0]}.")
    if facts.knocking:
        cure = (
            f"Take it in with `sitectl station adopt {facts.knocking[0]}`, or send it away (`ocpp.unknown_stations`)."
        )
        return _Verdict(Light.OPEN, tuple(told), cure, {id: {} for id in facts.knocking})
    if coming:
        cure = f"Wait until {coming[0]} has connected again: it was let go of just now."
        return _Verdict(Light.OPEN, (*told, f"coming again: {_listed(coming)}"), cure, {id: {} for id in coming})
    if never or not facts.stations:
        more = (f"never seen: {_listed(never)}",) if never else ()
        cure = "Enter the URL of `sitectl commission knocking` in each station, or set installed: false."
        return _Verdict(Light.OPEN, (*told, *more), cure, {id: {} for id in never})
    return _Verdict(Light.GREEN, tuple(told))


_CREDENTIALS = {
    "configured": "a configured password or certificate",
    "pinned": "what they showed first (pinned)",
    "open": "no password, by configuration",
}


def _probe(facts: SiteFacts) -> _Verdict:
    evses = _evses(facts)
    obey = [id for id, evse in evses.items() if evse.proven]
    choice = [id for id, evse in evses.items() if evse.by_choice and not evse.proven]
    loose = [id for id, evse in evses.items() if evse.control == "none" and not evse.by_choice]
    left = [id for id in evses if id not in obey and id not in choice and id not in loose]
    told = (
        f"seen to obey: {_listed(obey)}" if obey else "none was seen to obey yet",
        *([f"as the configuration says: {_listed(choice)}"] if choice else []),
        *([f"obey nothing, reserved at their maximum: {_listed(loose)}"] if loose else []),
    )
    if loose:
        return _Verdict(Light.RED, told, f"Check the smart-charging settings of {loose[0]}, or set its control: none.")
    if left:
        cure = f"Plug in a car, then `sitectl station probe {_station(left[0])}`; ordinary charging proves it, too."
        about = _about(evses, left, OBEDIENCE_RESTS_ON)
        return _Verdict(Light.OPEN, (*told, f"not proven: {_listed(left)}"), cure, about)
    return _Verdict(Light.GREEN if evses else Light.NONE, told)


def _phases(facts: SiteFacts) -> _Verdict:
    evses = _evses(facts)
    before = _lapsed(evses, "phase_test", WIRING_RESTS_ON)
    wrong = [id for id, evse in evses.items() if evse.contradicted or (id not in before and _miswired(evse))]
    unknown = [id for id, evse in evses.items() if not evse.wiring and id not in wrong]
    tested = [id for id, evse in evses.items() if id not in before and _verdict_of(evse, "phase_test") == "well"]
    told = (f"wiring known of {len(evses) - len(unknown)} of {len(evses)}", f"tested: {_listed(tested)}")
    if wrong:
        more = (f"contradicted: {_listed(wrong)}",)
        return _Verdict(Light.RED, (*told, *more), f"Look at the wiring of {wrong[0]}, or correct its phases.")
    if before:
        cure = f"With a car at it, `sitectl station phase-test {_station(next(iter(before)))}` again."
        return _Verdict(Light.RED, (*told, *_before(before)), cure)
    if unknown:
        cure = f"With a car at it, `sitectl station phase-test {_station(unknown[0])}`, or set its phases."
        about = _about(evses, unknown, WIRING_RESTS_ON)
        return _Verdict(Light.OPEN, (*told, f"unknown, counted on all phases: {_listed(unknown)}"), cure, about)
    if not tested and evses:
        cure = (
            f"Test one at least: `sitectl station phase-test {_station(next(iter(evses)))}`; it checks the meter, too."
        )
        return _Verdict(Light.OPEN, told, cure, _about(evses, evses, WIRING_RESTS_ON))
    return _Verdict(Light.GREEN if evses else Light.NONE, told)


def _limits(facts: SiteFacts) -> _Verdict:
    evses = {id: evse for id, evse in _evses(facts).items() if evse.control != "none"}
    before = _lapsed(evses, "limit_test", OBEDIENCE_RESTS_ON)
    valid = {id: evse for id, evse in evses.items() if id not in before}
    times = {id: seconds for id, evse in valid.items() if (seconds := _follows_s(evse)) is not None}
    slow = [id for id, evse in valid.items() if _verdict_of(evse, "limit_test") == "not followed"]
    slow += [id for id, seconds in times.items() if seconds > FOLLOWS_WITHIN_S and id not in slow]
    left = [id for id in valid if id not in times and id not in slow]
    told = tuple(f"{id}: followed after {seconds:.1f} s" for id, seconds in list(times.items())[:NAMED])
    if len(times) > NAMED:
        told += (f"and {len(times) - NAMED} more, the slowest after {max(times.values()):.1f} s",)
    if slow:
        cure = f"`sitectl station probe {_station(slow[0])}`: it follows late, or not at all."
        return _Verdict(Light.RED, (*told, f"not within {FOLLOWS_WITHIN_S:g} s: {_listed(slow)}"), cure)
    if before:
        cure = f"With a car at it, `sitectl station limit-test {_station(next(iter(before)))}` again."
        return _Verdict(Light.RED, (*told, *_before(before)), cure)
    if left:
        cure = f"With a car at it, `sitectl station limit-test {_station(left[0])}`."
        about = _about(evses, left, OBEDIENCE_RESTS_ON)
        return _Verdict(Light.OPEN, (*told, f"not tested: {_listed(left)}"), cure, about)
    return _Verdict(Light.GREEN if evses else Light.NONE, told)


def _tokens(facts: SiteFacts) -> _Verdict:
    told = (
        f"authorization.mode {facts.authorization}",
        f"{facts.tokens} tokens in the file",
        f"unknown ones while the central is away: {facts.offline_unknown}",
    )
    nobody = facts.authorization == "list" and not facts.tokens
    nobody |= facts.authorization == "uplink" and not facts.uplinks and not facts.tokens
    if nobody:
        return _Verdict(Light.RED, told, "Nobody may charge: list tokens in authorization.tokens_file.")
    return _Verdict(Light.GREEN, told)


def _uplinks(facts: SiteFacts) -> _Verdict:
    if not facts.uplinks:
        return _Verdict(Light.NONE, ("no central system: the site runs alone",))
    told = tuple(
        f"{id}: {uplink.state}, {uplink.stations} stations"
        + (f", {uplink.dead} messages refused" if uplink.dead else "")
        for id, uplink in facts.uplinks.items()
    )
    bad = [id for id, uplink in facts.uplinks.items() if uplink.state != "online"]
    if bad:
        why = facts.uplinks[bad[0]].text
        return _Verdict(Light.RED, told, f"{bad[0]}: {why or 'no connection'}; `sitectl uplinks`.")
    if dead := [id for id, uplink in facts.uplinks.items() if uplink.dead]:
        refused = {id: {"refused": str(facts.uplinks[id].dead)} for id in dead}
        return _Verdict(Light.OPEN, told, f"See `sitectl transactions --dead` for what {dead[0]} refused.", refused)
    if not any(uplink.stations for uplink in facts.uplinks.values()):
        about: dict[str, Basis] = {id: {} for id in facts.uplinks}
        return _Verdict(Light.OPEN, told, "No station is shown to it yet: connect one.", about)
    return _Verdict(Light.GREEN, told)


def _signals(facts: SiteFacts) -> _Verdict:
    if not facts.signals:
        return _Verdict(Light.NONE, ("no relay contact",))
    told = tuple(
        f"{id}: {signal.contact}"
        + (f" ({signal.why})" if signal.why else "")
        + f", seen {_listed(sorted(signal.seen))}"
        for id, signal in facts.signals.items()
    )
    if lost := [id for id, signal in facts.signals.items() if signal.contact in ("lost", "unknown")]:
        return _Verdict(Light.RED, told, f"{lost[0]} is not heard: check its wires and its box.")
    if left := [id for id, signal in facts.signals.items() if not {"open", "closed"} <= signal.seen]:
        cure = f"Switch {left[0]} once, and watch `sitectl signals` and `sitectl status`."
        return _Verdict(Light.OPEN, told, cure, {id: {"input": facts.signals[id].input} for id in left})
    return _Verdict(Light.GREEN, told)


def _files(facts: SiteFacts) -> _Verdict:
    if not facts.uplinks:
        return _Verdict(Light.NONE, ("no central system that could fetch logs or bring firmware",))
    if facts.transferred:
        return _Verdict(Light.GREEN, ("a file was transferred for a central",))
    cure = "Have the central fetch the diagnostics of one station once, or confirm that it never will."
    return _Verdict(Light.OPEN, ("no file was transferred yet",), cure, {id: {} for id in facts.uplinks})


def _record(facts: SiteFacts) -> _Verdict:
    cure = "`sitectl commission record --out record.html`, and hand it over."
    if not facts.recorded:
        return _Verdict(Light.OPEN, ("none yet",), cure)
    made = f"made at {facts.recorded}"
    if changed := since(facts.recorded_of, everything(facts)):
        return _Verdict(Light.OPEN, (made, f"that was before {changed}"), cure, {"record": {}})
    return _Verdict(Light.GREEN, (made,))


STEPS: Mapping[str, tuple[str, Callable[[SiteFacts], _Verdict]]] = {
    "site": ("The site and its time", _site),
    "meters": ("Meters answer, and are tested", _meters),
    "tree": ("Fuses hold without this box", _tree),
    "stations": ("Every station is connected and known", _adopted),
    "probe": ("Every station is seen to obey", _probe),
    "phases": ("Wiring of the phases", _phases),
    "limits": ("Limits are followed, and how fast", _limits),
    "tokens": ("Somebody may charge", _tokens),
    "uplinks": ("Central systems take the stations", _uplinks),
    "signals": ("Relay contacts switch", _signals),
    "files": ("Logs and firmware find their way", _files),
    "record": ("The commissioning record", _record),
}


def _evses(facts: SiteFacts) -> dict[str, EvseFacts]:
    return {
        id if len(station.evses) == 1 else f"{id}:{number}": evse
        for id, station in facts.stations.items()
        for number, evse in station.evses.items()
    }


def _station(evse: str) -> str:
    """As commands take it: the station, and its EVSE where there are several."""
    station, colon, number = evse.rpartition(":")
    return f"{station} --evse {number}" if colon else evse


def _verdict_of(evse: EvseFacts, kind: str) -> str:
    return str(evse.tests.get(kind, {}).get("verdict", ""))


def _lapsed(evses: Mapping[str, EvseFacts], kind: str, rests_on: Iterable[str]) -> dict[str, str]:
    """EVSEs whose test is of something else than what stands there now, and what has changed."""
    found = {}
    for id, evse in evses.items():
        outcome = evse.tests.get(kind)
        if outcome is not None and (changed := changes(outcome.get("of"), evse.basis, rests_on)):
            found[id] = changed
    return found


def _before(lapsed: Mapping[str, str]) -> tuple[str, ...]:
    told = [f"{id} was tested before {changed}" for id, changed in lapsed.items()]
    return (*told[:NAMED], *([f"and {len(told) - NAMED} more"] if len(told) > NAMED else []))


def _about(evses: Mapping[str, EvseFacts], ids: Iterable[str], rests_on: Iterable[str]) -> dict[str, Basis]:
    fields = tuple(rests_on)
    return {id: narrowed(evses[id].basis, fields) for id in ids}


def _miswired(evse: EvseFacts) -> bool:
    """Whether a phase test saw something wrong; one that saw nothing clear is as good as none."""
    verdict, first = _verdict_of(evse, "phase_test"), evse.tests.get("phase_test", {}).get("first")
    said = evse.basis.get("phases", "")
    elsewhere = isinstance(first, str) and said != "" and said[:2] != first
    return elsewhere or verdict.startswith("it is wired to") or verdict == "a current transformer is wrong"


def _follows_s(evse: EvseFacts) -> float | None:
    """How long it took to follow in its limit test, by the meter where that saw it; None: not known."""
    outcome = evse.tests.get("limit_test", {})
    for by in ("meter_s", "station_s"):
        if isinstance(seconds := outcome.get(by), int | float):
            return float(seconds)
    return None


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    if not known:
        return "none"
    more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    return ", ".join(known[:NAMED]) + more
