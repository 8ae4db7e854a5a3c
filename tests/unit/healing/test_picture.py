"""Pictures of stations: what a snapshot means, and the same object as long as it means the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sitectl.healing.picture import METER_HOLDS_S, NOTHING_SEEN, READING_S, Pictures, pictures
from sitectl.healing.view import EvseHealth, StationFacts, StationHealth
from sitectl.model.circuit import Topology
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import StationId
from sitectl.model.metering import Freshness
from sitectl.model.snapshot import SiteSnapshot, StationSnapshot
from sitectl.model.station import ChargingState, ConnectorStatus, Obeys, StationIdentity
from tests.unit.allocator.site import build, moment

A, B = StationId("A"), StationId("B")
NO = PhaseCurrents(0.0, 0.0, 0.0)
SITE = build(
    {"grid": {"rated_a": 100, "meter": "main"}},
    {"A": {"max_a": 32, "phases": "L1L2L3"}, "B": {"max_a": 32, "phases": "L1L2L3"}},
)


def seen(
    at: float, *, online: bool = True, site: Topology = SITE, circuit: dict[str, Any] | None = None, **evses: Any
) -> SiteSnapshot:
    """A snapshot; `A={...}`: facts of its EVSE."""
    snapshot = moment(site, evses, circuits={"grid": circuit or {}}, at=at)
    stations = {
        id: StationSnapshot(
            id, online, "1.6", StationIdentity(), False, Obeys.UNKNOWN, (plan.evses[0].id,), True, connected_at=1.0
        )
        for id, plan in site.stations.items()
    }
    return replace(snapshot, stations=stations)


def charging(at: float, amperes: float) -> dict[str, Any]:
    return {
        "connector_status": ConnectorStatus.OCCUPIED,
        "charging_state": ChargingState.CHARGING,
        "measured_a": PhaseCurrents(amperes, amperes, amperes),
        "measured_at": at,
        "transaction_since": 5.0,
        "offered_a": 16.0,
        "state_since": 5.0,
    }


def of(made: Pictures, station: StationId = A) -> StationHealth:
    return made.stations[station]


def evse_of(made: Pictures, station: StationId = A) -> EvseHealth:
    return of(made, station).evses[0]


def test_another_reading_of_the_same_meaning_is_the_same_picture() -> None:
    first = pictures(NOTHING_SEEN, seen(10.0, A=charging(10.0, 15.9)), SITE, {})
    second = pictures(first, seen(20.0, A=charging(20.0, 15.2)), SITE, {})
    assert evse_of(first).draws is True
    assert of(second) is of(first)


def test_facts_that_changed_make_another_picture() -> None:
    snapshot = seen(10.0)
    first = pictures(NOTHING_SEEN, snapshot, SITE, {})
    second = pictures(first, snapshot, SITE, {A: StationFacts(unanswered=1)})
    assert of(second) is not of(first)
    assert of(second, B) is of(first, B)


def test_no_power_counts_from_the_first_of_the_readings_in_a_row() -> None:
    made = pictures(NOTHING_SEEN, seen(10.0, A=charging(10.0, 16.0)), SITE, {})
    made = pictures(made, seen(20.0, A=charging(20.0, 0.2)), SITE, {})
    made = pictures(made, seen(60.0, A=charging(60.0, 0.1)), SITE, {})
    assert evse_of(made).draws is False
    assert evse_of(made).no_power_since == 20.0
    made = pictures(made, seen(70.0, A=charging(70.0, 6.0)), SITE, {})
    assert evse_of(made).no_power_since is None


def test_a_reading_grows_too_old_to_say_anything() -> None:
    snapshot = seen(10.0, A=charging(10.0, 16.0))
    made = pictures(NOTHING_SEEN, snapshot, SITE, {})
    made = pictures(made, replace(snapshot, at=10.0 + READING_S), SITE, {})
    assert evse_of(made).draws is True
    made = pictures(made, replace(snapshot, at=11.0 + READING_S), SITE, {})
    assert evse_of(made).draws is None


def test_a_status_counts_from_when_it_was_first_seen() -> None:
    preparing = {"connector_status": ConnectorStatus.OCCUPIED, "preparing": True, "transaction": None}
    made = pictures(NOTHING_SEEN, seen(10.0, A=preparing), SITE, {})
    made = pictures(made, seen(500.0, A={**preparing, "offer_seq": 7}), SITE, {})
    assert evse_of(made).status_since == 10.0
    made = pictures(made, seen(600.0, A={**preparing, "preparing": False}), SITE, {})
    assert evse_of(made).status_since == 600.0


def test_who_is_paused_by_us_is_offered_nothing() -> None:
    made = pictures(NOTHING_SEEN, seen(10.0, A={**charging(10.0, 0.0), "offered_a": 0.0}), SITE, {})
    assert evse_of(made).offered_since is None


def test_identities_in_quarantine_are_nobodys() -> None:
    snapshot = seen(10.0)
    strange = {A: replace(snapshot.stations[A], quarantined=True), B: snapshot.stations[B]}
    assert set(pictures(NOTHING_SEEN, replace(snapshot, stations=strange), SITE, {}).stations) == {B}


def metered_after(circuit_a: tuple[float, float, float], **evses: Any) -> bool | None:
    """What is believed of A when the meter has shown so for longer than a minute."""
    made = NOTHING_SEEN
    for at in range(10, 10 + int(METER_HOLDS_S) + 21, 10):
        shown = {"measured_a": PhaseCurrents(*circuit_a), "meter": Freshness.FRESH}
        facts = {name: {**said, "measured_at": float(at)} for name, said in evses.items()}
        made = pictures(made, seen(float(at), circuit=shown, **facts), SITE, {})
    return evse_of(made).metered


def test_a_meter_that_shows_no_more_than_the_others_draw_sees_that_nothing_flows() -> None:
    other = {**charging(0.0, 16.0), "counts_a": 16.0}
    assert metered_after((16.3, 16.1, 16.2), A=charging(0.0, 0.0), B=other) is False


def test_a_meter_that_shows_more_cannot_tell_where_there_is_other_load() -> None:
    site = build({"grid": {"rated_a": 100, "meter": "main"}}, {"A": {"max_a": 32, "phases": "L1L2L3"}})
    base = replace(site, circuits={k: replace(c, base_load_worst_a=40.0) for k, c in site.circuits.items()})
    made = NOTHING_SEEN
    for at in range(10, 110, 10):
        shown = {"measured_a": PhaseCurrents(25.0, 25.0, 25.0), "meter": Freshness.FRESH}
        made = pictures(made, seen(float(at), site=base, circuit=shown, A=charging(float(at), 0.0)), base, {})
    assert evse_of(made).metered is None


def test_a_meter_that_shows_more_than_all_others_may_draw_sees_current() -> None:
    other = {**charging(0.0, 6.0), "counts_a": 6.0}
    assert metered_after((20.0, 20.0, 20.0), A=charging(0.0, 0.0), B=other) is True


def test_generation_hides_what_is_drawn() -> None:
    site = replace(SITE, circuits={k: replace(c, generation_a=20.0) for k, c in SITE.circuits.items()})
    made = NOTHING_SEEN
    for at in range(10, 110, 10):
        shown = {"measured_a": NO, "meter": Freshness.FRESH}
        made = pictures(made, seen(float(at), site=site, circuit=shown, A=charging(float(at), 0.0)), site, {})
    assert evse_of(made).metered is None


def test_a_meter_is_believed_only_after_a_minute() -> None:
    shown = {"measured_a": NO, "meter": Freshness.FRESH}
    made = NOTHING_SEEN
    for at in (10.0, 20.0, 30.0, 70.0):
        made = pictures(made, seen(at, circuit=shown, A=charging(at, 0.0)), SITE, {})
        assert evse_of(made).metered is None
    made = pictures(made, seen(82.0, circuit=shown, A=charging(82.0, 0.0)), SITE, {})
    assert evse_of(made).metered is False


def test_a_meter_that_is_not_fresh_says_nothing() -> None:
    made = NOTHING_SEEN
    for at in range(10, 110, 10):
        shown = {"measured_a": NO, "meter": Freshness.STALE}
        made = pictures(made, seen(float(at), circuit=shown, A=charging(float(at), 0.0)), SITE, {})
    assert evse_of(made).metered is None
