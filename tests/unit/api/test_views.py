"""The JSON of each answer: the promised keys, nulls for what is unknown, and the site's state by its rules."""

from dataclasses import replace
from pathlib import Path

import pytest

from sitectl.api import views
from sitectl.model import events
from sitectl.model.health import Problem
from sitectl.model.ids import CircuitId, EvseId, StationId
from sitectl.model.journal import JournalEntry
from sitectl.model.signals import Contact, SignalView
from sitectl.model.station import Obeys
from sitectl.model.storage import DiskUse, StoreHealth, StoreState
from sitectl.model.transaction import TransactionTotals
from sitectl.model.uplink import UplinkState, UplinkView
from sitectl.site.cycle_times import CycleTimes
from sitectl.state.site_state import SiteState
from tests.unit.api.quiet_site import CENTRAL, CP01, CP02, MAIN, POST, WALL, QuietSite, transaction

GRID, GARAGE = CircuitId("grid"), CircuitId("garage")
WELL = StoreHealth(disk=DiskUse(300 * 2**20, 2**34, 5 * 2**20, 2**20, reserve=True))
ONLINE = {CENTRAL: UplinkView(UplinkState.ONLINE, 3)}


@pytest.fixture
def quiet(tmp_path: Path) -> QuietSite:
    return QuietSite(tmp_path)


def status(quiet: QuietSite, times: CycleTimes | None = None, disk: StoreHealth = WELL) -> views.Json:
    decision = quiet.site.cycle()
    return views.status(
        "depot-north",
        WALL,
        quiet.site.state,
        decision,
        times or CycleTimes(),
        [Problem("Offline", "CP07", WALL, "Check it.")],
        ONLINE,
        TransactionTotals(3, 2, 1),
        disk,
    )


def state(quiet: QuietSite, uplinks: dict = ONLINE, disk: StoreHealth = WELL) -> str:
    return views.site_state(quiet.site.cycle(), uplinks, disk)


def test_a_signal_that_is_lost_degrades_the_site(quiet: QuietSite) -> None:
    quiet.all_well()
    for contact, expected in ((None, "ok"), (Contact.OPEN, "ok"), (Contact.CLOSED, "ok"), (Contact.LOST, "degraded")):
        signal = SignalView("dso", "modbus:relay-box:0", contact, None, "", ())
        assert views.site_state(quiet.site.cycle(), ONLINE, WELL, [signal]) == expected


def test_status_has_the_promised_keys(quiet: QuietSite) -> None:
    quiet.all_well()
    answer = status(quiet)
    assert list(answer) == [
        "schema",
        "site",
        "time",
        "state",
        "problems",
        "cycle",
        "circuits",
        "ceilings",
        "meters",
        "stations",
        "uplinks",
        "transactions",
        "store",
    ]
    assert (answer["schema"], answer["site"], answer["time"]) == (1, "depot-north", "2026-11-20T06:11:00Z")
    assert answer["problems"] == [
        {"what": "Offline", "where": "CP07", "since": "2026-11-20T06:11:00Z", "do": "Check it."}
    ]
    assert answer["uplinks"] == {
        "central": {"state": "online", "stations": 3, "backlog": 0, "oldest_s": None, "dead": 0}
    }
    assert answer["transactions"] == {"open": 3, "unsent": 2, "dead": 1}


def test_cycle_times_are_null_before_the_first(quiet: QuietSite) -> None:
    assert status(quiet)["cycle"] == {"count": 0, "interval_s": 1.0, "ms_p50": None, "ms_p99": None}
    times = CycleTimes()
    for ms in (1.0, 2.0, 3.123456):
        times.add(ms)
    assert status(quiet, times)["cycle"] == {"count": 3, "interval_s": 1.0, "ms_p50": 2.0, "ms_p99": 3.12}


def test_circuits_with_and_without_a_meter(quiet: QuietSite) -> None:
    quiet.all_well()
    circuits = status(quiet)["circuits"]
    grid, garage = circuits["grid"], circuits["garage"]
    assert set(grid) == {
        "rated_a",
        "ceiling_a",
        "measured_a",
        "base_load_a",
        "reserved_a",
        "allocated_a",
        "meter",
        "if_dead",
        "trip",
    }
    assert (grid["rated_a"], grid["ceiling_a"], grid["meter"]) == (100, [100, 100, 100], "fresh")
    assert grid["measured_a"] == [1.0, 2.0, 3.0]
    assert {"ratio", "for_s", "phase", "holds"} <= set(grid["if_dead"])
    assert grid["if_dead"]["holds"] is True
    assert (garage["measured_a"], garage["meter"]) == (None, None)


def test_what_nobody_knows_is_null_and_never_zero(quiet: QuietSite) -> None:
    answer = status(quiet)
    assert answer["meters"]["main"] == {"state": "stale", "age_s": None, "current_a": None, "power_w": None}
    station = answer["stations"]["CP01"]
    assert {key: station[key] for key in ("online", "ocpp", "vendor", "model", "firmware")} == {
        "online": False,
        "ocpp": None,
        "vendor": None,
        "model": None,
        "firmware": None,
    }
    evse = station["evses"]["1"]
    for key in ("connector_status", "charging_state", "limit_a", "limit_w", "acknowledged_a", "measured_a"):
        assert evse[key] is None, key
    assert evse["reason"] == "never seen: counted at its maximum"
    assert answer["circuits"]["grid"]["measured_a"] is None


def test_a_lost_meter_measures_nothing(quiet: QuietSite) -> None:
    quiet.meter(1.0, 2.0, 3.0)
    quiet.clock.at += 0.44
    fresh = views.meters(quiet.site.cycle())[MAIN]
    assert fresh == {"state": "fresh", "age_s": 0.4, "current_a": [1.0, 2.0, 3.0], "power_w": 1380}
    quiet.clock.at += 23.0
    lost = views.meters(quiet.site.cycle())[MAIN]
    assert lost == {"state": "lost", "age_s": 23.4, "current_a": None, "power_w": None}


def test_an_idle_evse_shows_what_it_may_start_with(quiet: QuietSite) -> None:
    quiet.all_well()
    station = status(quiet)["stations"]["CP01"]
    assert (station["online"], station["ocpp"], station["vendor"], station["obeys"]) == (True, "1.6", "Acme", "unknown")
    evse = station["evses"]["1"]
    assert (evse["limit_a"], evse["acknowledged_a"], evse["fallback_a"]) == (6.0, 6.0, 6.0)
    assert evse["reason"] == "idle: it may start with its fallback"


def test_a_charging_evse_shows_the_offer_that_holds(quiet: QuietSite) -> None:
    quiet.all_well()
    quiet.charge(EvseId(CP01, 1), 5.0)
    quiet.pass_s(15, 6.0, 7.0, 8.0)
    evse = status(quiet)["stations"]["CP01"]["evses"]["1"]
    assert (evse["connector_status"], evse["charging_state"]) == ("Occupied", "Charging")
    assert (evse["limit_a"], evse["acknowledged_a"], evse["transaction"]) == (32.0, 32.0, "tx-CP01")
    assert evse["measured_a"] == [5.0, 5.0, 5.0]
    assert "waits" not in evse["reason"]


def test_a_raise_that_may_not_leave_is_not_shown_as_a_limit(quiet: QuietSite) -> None:
    quiet.all_well()
    quiet.site.post(events.StoreChanged(quiet.clock.at, False, "disk full"))
    quiet.charge(EvseId(CP01, 1), 5.0)
    quiet.pass_s(3, 6.0, 7.0, 8.0)
    assert status(quiet)["stations"]["CP01"]["evses"]["1"]["limit_a"] == 6.0
    assert state(quiet) == "degraded"


def test_how_the_disk_stands(quiet: QuietSite) -> None:
    quiet.all_well()
    assert status(quiet)["store"] == {
        "state": "ok",
        "why": None,
        "free_mb": 300.0,
        "ledger_mb": 5.0,
        "log_mb": 1.0,
        "reserve": True,
        "waiting": 0,
        "commit_s": 0.0,
        "left_out": 0,
    }
    tight = StoreHealth(StoreState.TIGHT, left_out=7)
    assert (status(quiet, disk=tight)["store"]["free_mb"], status(quiet, disk=tight)["store"]["left_out"]) == (None, 7)
    assert (state(quiet), state(quiet, disk=tight)) == ("ok", "degraded")


def test_keys_of_evses_are_strings(quiet: QuietSite) -> None:
    assert list(status(quiet)["stations"]["POST"]["evses"]) == ["1", "2"]


def test_a_station_obeys_as_badly_as_its_worst_evse(quiet: QuietSite) -> None:
    quiet.all_well()
    one = EvseId(POST, 1)
    evses = {**quiet.site.state.evses, one: replace(quiet.site.state.evses[one], obeys=Obeys.IGNORES)}
    changed: SiteState = replace(quiet.site.state, evses=evses)
    quiet.site._state = changed
    answer = status(quiet)["stations"]["POST"]
    reason = "ignores limits: counted at the most it was seen to draw"
    assert (answer["obeys"], answer["evses"]["1"]["reason"]) == ("ignores", reason)
    assert state(quiet) == "degraded"


def test_the_site_is_ok_when_everything_is(quiet: QuietSite) -> None:
    quiet.all_well()
    assert state(quiet) == "ok"
    assert state(quiet, {}) == "ok"


@pytest.mark.parametrize("away", [UplinkState.CONNECTING, UplinkState.OFFLINE, UplinkState.REFUSED])
def test_an_uplink_that_is_not_online_degrades(quiet: QuietSite, away: UplinkState) -> None:
    quiet.all_well()
    assert state(quiet, {CENTRAL: UplinkView(away)}) == "degraded"


def test_a_station_that_is_away_degrades_and_a_quarantined_one_does_not(quiet: QuietSite) -> None:
    quiet.all_well()
    stranger = StationId("STRANGER")
    quiet.site.post(events.StationConnected(stranger, quiet.clock.at, "1.6", "10.20.0.9", quarantined=True))
    quiet.site.post(events.StationDisconnected(stranger, quiet.clock.at, "gone"))
    assert state(quiet) == "ok"
    assert status(quiet)["stations"]["STRANGER"]["quarantined"] is True
    quiet.site.post(events.StationDisconnected(CP02, quiet.clock.at, "gone"))
    assert state(quiet) == "degraded"


def test_a_meter_degrades_when_stale_and_the_site_is_failsafe_when_it_is_lost(quiet: QuietSite) -> None:
    quiet.all_well()
    seen = []
    for _ in range(12):
        quiet.clock.at += 1.0
        seen.append(state(quiet))
    assert seen[0] == "ok"
    assert "degraded" in seen
    assert seen[-1] == "failsafe"
    assert seen == sorted(seen, key=["ok", "degraded", "failsafe"].index)


def test_why_tells_the_chain_from_demand_to_measured(quiet: QuietSite) -> None:
    quiet.all_well()
    quiet.charge(EvseId(CP01, 1), 5.0)
    quiet.pass_s(3, 6.0, 7.0, 8.0)
    decision = quiet.site.cycle()
    answer = views.why_json(quiet.site.state.topology, decision.snapshot, decision.allocation, EvseId(CP01, 1), WALL)
    assert list(answer) == ["schema", "station", "evse", "time", "limit_a", "chain"]
    steps = [step["step"] for step in answer["chain"]]
    assert (steps[0], steps[-1]) == ("demand", "measured")
    rows = [step for step in answer["chain"] if step["step"] == "row"]
    assert {(row["circuit"], row["phase"]) for row in rows} >= {("garage", "L2"), ("grid", "L1")}
    assert all({"step", "a", "text"} <= set(step) for step in answer["chain"])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("CP01", EvseId(CP01, 1)),
        ("CP01:1", EvseId(CP01, 1)),
        ("POST/2", EvseId(POST, 2)),
        ("POST", EvseId(POST, 1)),
        ("POST:3", None),
        ("CP0", None),
        ("", None),
        ("CP01:", None),
        ("CP01:²", None),
    ],
)
def test_an_evse_is_found_by_name(quiet: QuietSite, name: str, found: EvseId | None) -> None:
    assert views.find_evse(quiet.site.cycle().snapshot, name) == found


def test_a_transaction_has_the_promised_keys() -> None:
    assert views.transaction(transaction()) == {
        "id": "t1",
        "station": "CP01",
        "evse": 1,
        "station_id": "2000001234",
        "id_token": "TAG",
        "started": "2026-11-20T06:11:00Z",
        "stopped": None,
        "meter_start_wh": 0,
        "meter_stop_wh": None,
        "reason": None,
        "synthetic": False,
        "stopped_by": None,
        "clock": {"started": "station", "stopped": None},
        "uplinks": {"central": {"id": "4711", "state": "acked", "verdict": "Accepted", "unsent": 0}},
    }


def test_an_event_has_the_promised_keys() -> None:
    assert views.event(JournalEntry(17, WALL, "transaction.started", CP01, 1, {"a": 1})) == {
        "schema": 1,
        "seq": 17,
        "time": "2026-11-20T06:11:00Z",
        "type": "transaction.started",
        "station": "CP01",
        "evse": 1,
        "data": {"a": 1},
    }
