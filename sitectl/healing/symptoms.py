"""What is wrong with one station, concluded from its picture; and when time alone would change that."""

from __future__ import annotations

from dataclasses import dataclass, field

from sitectl.healing.policy import HealingRules, Thresholds
from sitectl.healing.view import EvseHealth, Moments, StationHealth
from sitectl.model.health import Evidence, Fault, Symptom, SymptomKind
from sitectl.model.station import ChargingState, ConnectorStatus

FIRMWARE_UNDER_WAY = frozenset(
    {
        "downloading", "downloaded", "downloadscheduled", "downloadpaused", "installing", "installscheduled",
        "installrebooting", "signatureverified",
    }
)  # fmt: skip
FIRMWARE_FAILED = frozenset({"downloadfailed", "installationfailed", "installverificationfailed", "invalidsignature"})
"""FirmwareStatus of 1.6, its security extension and 2.x, in lower case."""

DAY_S = 86_400.0
UPDATE_S = DAY_S / 2
NO_ERROR = ("", "noerror")


@dataclass(slots=True)
class Look:
    """One look at a station: what is wrong, and until when that stays so if nothing else happens.

    `blind`: it is not connected, so nothing is known of its EVSEs: what was wrong with them counts on. `away`: it was
    told to reboot, so nothing is known of its connection either. `faults`: the fault behind each fault or danger that
    was found, by EVSE (None: the station).
    """

    now: float
    found: list[Symptom] = field(default_factory=list)
    faults: dict[int | None, Fault] = field(default_factory=dict)
    due: float = float("inf")
    blind: bool = False
    away: bool = False
    danger: bool = False

    def again_at(self, moment: float) -> None:
        """Time alone may change something then."""
        if self.now < moment < self.due:
            self.due = moment

    def add(
        self, kind: SymptomKind, station: StationHealth, evse: int | None, since: float, evidence: Evidence
    ) -> None:
        """Something is wrong since then."""
        self.found.append(Symptom(kind, station.id, evse, since, evidence))


def look(
    station: StationHealth,
    rules: HealingRules,
    now: Moments,
    failures: tuple[float, ...] = (),
    peaks_c: tuple[tuple[int, float], ...] = (),
) -> Look:
    """Everything wrong with a station. `failures`, `peaks_c`: as the memory of the station has them."""
    seen = Look(now.at, blind=not station.online)
    thresholds = rules.thresholds
    _connection(station, thresholds, seen)
    if station.facts.faults:
        _faults(station, rules, seen)
    _upkeep(station, thresholds, now, seen)
    _trends(station, thresholds, failures, peaks_c, seen)
    if not seen.blind:
        for evse in station.evses:
            _status(station, evse, seen)
            if evse.transaction is not None or evse.draws:
                _transaction(station, evse, thresholds, seen)
            _foreign(station, evse, seen)
    return seen


def _connection(station: StationHealth, limits: Thresholds, seen: Look) -> None:
    facts = station.facts
    if not station.online:
        if station.offline_since is not None:
            since = max(station.offline_since, station.away_until)
            seen.again_at(since)
            seen.away = seen.now < since
            if not seen.away:
                seen.add(SymptomKind.SILENT, station, None, since, (("connection", "gone"),))
    elif facts.unanswered >= limits.unanswered and facts.unanswered_since is not None:
        evidence = _count("calls without an answer", facts.unanswered)
        seen.add(SymptomKind.DEAF, station, None, facts.unanswered_since, evidence)
    for kind, word, moments, many, within_s in (
        (SymptomKind.RECONNECT_LOOP, "connections", facts.connects, limits.reconnects, limits.reconnects_in_s),
        (SymptomKind.REBOOT_LOOP, "boots", facts.boots, limits.reboots, limits.reboots_in_s),
    ):
        recent = [moment for moment in moments if seen.now - moment < within_s]
        if len(recent) >= many:
            seen.again_at(recent[-many] + within_s)
            seen.add(kind, station, None, recent[many - 1], _count(f"{word} within {within_s:.0f} s", len(recent)))


def _faults(station: StationHealth, rules: HealingRules, seen: Look) -> None:
    """A danger stands though the station is away; of another error nothing is known then."""
    for number, fault in station.facts.faults.items():
        evse = number or None
        code = rules.code_of(fault)
        danger = rules.dangers.of(fault, code)
        if danger is None and (seen.blind or code.lower() in NO_ERROR):
            continue
        kind = SymptomKind.FAULT if danger is None else SymptomKind.DANGER
        seen.danger |= danger is not None
        seen.faults[evse] = fault
        evidence = [("error", fault.code), ("vendor error", fault.vendor_code), ("info", fault.info)]
        if danger is not None:
            evidence.append(("danger", danger.strip()))
        told = tuple((word, value) for word, value in evidence if value)
        seen.found.append(Symptom(kind, station.id, evse, fault.at, told, code))


def _upkeep(station: StationHealth, limits: Thresholds, now: Moments, seen: Look) -> None:
    """What runs out or drifts away while it still works."""
    facts = station.facts
    if station.online and facts.drifted:
        since = seen.now if facts.drifted_since is None else facts.drifted_since
        evidence = (("not as it was set", ", ".join(facts.drifted[:8])),)
        seen.add(SymptomKind.CONFIGURATION_DRIFT, station, None, since, evidence)
    error_s = facts.clock_error_s
    if station.online and error_s is not None and abs(error_s) > limits.clock_error_s:
        since = seen.now if facts.clock_wrong_since is None else facts.clock_wrong_since
        seen.add(SymptomKind.CLOCK_DRIFT, station, None, since, (("clock", f"{error_s:+.0f} s"),))
    if facts.certificate_ends is not None:
        left_s = (facts.certificate_ends - now.wall).total_seconds()
        since = seen.now + left_s - limits.certificate_days * DAY_S
        seen.again_at(since)
        if seen.now >= since:
            ends = facts.certificate_ends.date().isoformat()
            seen.add(SymptomKind.CERTIFICATE_ENDS, station, None, since, (("certificate ends", ends),))
    word = facts.firmware.lower()
    if facts.firmware_since is not None and word in FIRMWARE_UNDER_WAY | FIRMWARE_FAILED:
        since = facts.firmware_since + (limits.firmware_s if word in FIRMWARE_UNDER_WAY else 0.0)
        seen.again_at(since)
        if seen.now >= since:
            seen.add(SymptomKind.FIRMWARE_STUCK, station, None, since, (("firmware update", facts.firmware),))


def _trends(
    station: StationHealth,
    limits: Thresholds,
    failures: tuple[float, ...],
    peaks_c: tuple[tuple[int, float], ...],
    seen: Look,
) -> None:
    recent = [moment for moment in failures if seen.now - moment < limits.failures_in_s]
    if len(recent) >= limits.failures:
        seen.again_at(recent[-limits.failures] + limits.failures_in_s)
        days = limits.failures_in_s / DAY_S
        evidence = _count(f"failures within {days:g} days", len(recent))
        seen.add(SymptomKind.RISING_ERRORS, station, None, recent[limits.failures - 1], evidence)
    if len(peaks_c) > limits.temperature_days:
        *before, (_, today_c) = peaks_c
        usual_c = sum(peak for _, peak in before) / len(before)
        if today_c - usual_c >= limits.temperature_rise_c:
            peaks = (("peak today", f"{today_c:.0f} °C"), ("peak on the days before", f"{usual_c:.0f} °C"))
            seen.add(SymptomKind.RISING_TEMPERATURE, station, None, seen.now, peaks)


def _status(station: StationHealth, evse: EvseHealth, seen: Look) -> None:
    """Statuses that should pass, and do not."""
    number, since = evse.id.evse, evse.status_since
    said = (("status", status_word(evse)),)
    if evse.connector_status is ConnectorStatus.UNAVAILABLE:
        if not station.facts.out_of_service & {0, number} and not under_way(station, seen.now):
            seen.add(SymptomKind.STUCK_UNAVAILABLE, station, number, since, said)
    elif evse.connector_status is ConnectorStatus.OCCUPIED and evse.transaction is None:
        if evse.preparing:
            seen.add(SymptomKind.STUCK_PREPARING, station, number, since, said)
        elif evse.charging_state is ChargingState.EV_CONNECTED:
            seen.add(SymptomKind.STUCK_FINISHING, station, number, since, said)
    elif evse.charging_state is ChargingState.SUSPENDED_EVSE and evse.offered_since is not None and not evse.draws:
        evidence = (*said, ("offered", "current"))
        seen.add(SymptomKind.STUCK_SUSPENDED, station, number, max(since, evse.offered_since), evidence)


def _transaction(station: StationHealth, evse: EvseHealth, limits: Thresholds, seen: Look) -> None:
    """What a transaction, its readings and the site's meter say of each other."""
    number = evse.id.evse
    if evse.transaction is None:
        if evse.metered is not False and evse.no_power_since is None:
            since = max(evse.status_since, station.online_since or 0.0)
            seen.add(SymptomKind.UNCOVERED_DRAW, station, number, since, (("draws", "without a transaction"),))
        return
    if evse.ignores_limit:
        seen.add(SymptomKind.IGNORED_LIMIT, station, number, seen.now, (("draws", "more than its limit"),))
    began = evse.transaction_since or 0.0
    heard = max(began, evse.read_at or 0.0, station.online_since or 0.0)
    stopped = heard + limits.readings_stop_s
    if seen.now >= stopped:
        evidence = (("newest reading", f"{seen.now - heard:.0f} s ago"),)
        seen.add(SymptomKind.METER_SILENT, station, number, stopped, evidence)
    seen.again_at(stopped)
    if evse.connector_status is ConnectorStatus.AVAILABLE and not evse.draws and evse.metered is not True:
        since = max(evse.status_since, began)
        seen.add(SymptomKind.ORPHAN_TRANSACTION, station, number, since, (("status", "Available"), *_meter(evse)))
    else:
        _ghost(station, evse, limits, seen)


def _ghost(station: StationHealth, evse: EvseHealth, limits: Thresholds, seen: Look) -> None:
    """Power could flow and never did. A car that is full, sleeps, or says itself that it wants nothing is no ghost;
    neither is one that we have paused, nor one that the site's meter sees charging."""
    if evse.no_power_since is None or evse.offered_since is None or evse.metered is True or rests(evse, limits):
        return
    if evse.charging_state is ChargingState.SUSPENDED_EVSE or evse.connector_status is not ConnectorStatus.OCCUPIED:
        return
    since = max(evse.no_power_since, evse.offered_since, evse.transaction_since or 0.0)
    if evse.metered is None:
        since += limits.ghost_without_meter_s
        seen.again_at(since)
        if seen.now < since:
            return
    evidence = (("status", status_word(evse)), ("station reads", "no power"), *_meter(evse))
    seen.add(SymptomKind.GHOST_TRANSACTION, station, evse.id.evse, since, evidence)


def _foreign(station: StationHealth, evse: EvseHealth, seen: Look) -> None:
    since = station.facts.foreign_transactions.get(evse.id.evse)
    if since is not None:
        evidence = (("transaction", "not in the ledger"),)
        seen.add(SymptomKind.ORPHAN_TRANSACTION, station, evse.id.evse, since, evidence)


def rests(evse: EvseHealth, limits: Thresholds) -> str:
    """Why a car that takes nothing is none the less well: "full", "asleep", or "" when nothing says so."""
    taken = (evse.taken_wh or 0.0) >= limits.full_wh
    if evse.sleeps:
        return "asleep"
    if evse.charging_state is ChargingState.SUSPENDED_EV:
        return "full" if taken else "asleep"
    return "full" if taken else ""


def under_way(station: StationHealth, now: float) -> bool:
    """Whether a firmware update is under way: it is neither interrupted nor blamed. Stations that never say how it
    ended are believed for half a day."""
    since = station.facts.firmware_since
    recent = since is None or now - since < UPDATE_S
    return recent and station.facts.firmware.lower() in FIRMWARE_UNDER_WAY


def status_word(evse: EvseHealth) -> str:
    """Its status in one word, for evidence."""
    if evse.connector_status is None:
        return "unknown"
    if evse.connector_status is not ConnectorStatus.OCCUPIED:
        return evse.connector_status.value
    if evse.preparing:
        return "Preparing"
    return evse.charging_state.value if evse.charging_state is not None else evse.connector_status.value


def _count(word: str, many: int) -> Evidence:
    return ((word, str(many)),)


def _meter(evse: EvseHealth) -> Evidence:
    said = {True: "current flows", False: "nothing flows", None: "cannot tell"}
    return (("site meter", said[evse.metered]),)
