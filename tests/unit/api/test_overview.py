"""Problems with their beginnings, noted once each way, and the state of the site."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sitectl.api.overview import SiteOverview
from sitectl.model import events
from sitectl.model.health import Problem
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.signals import Contact, SignalView
from sitectl.model.storage import StoreHealth, StoreState
from sitectl.model.uplink import UplinkState, UplinkView
from tests.unit.api.quiet_site import CENTRAL, CP02, WALL, QuietSite


class Clock:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.time = WALL

    def monotonic(self) -> float:
        return 7.0

    def wall(self) -> datetime:
        return self.time


class Journal:
    """What was noted."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, Any]] = []
        self.whose: list[tuple[str, StationId | None, int | None]] = []

    def record(self, type: str, station: StationId | None = None, evse: int | None = None, data: Any = None) -> None:
        self.noted.append((type, data["where"]))
        self.whose.append((type, station, evse))


class Seen:
    """An overview of a quiet site, and all that it is made of."""

    def __init__(self, directory: Path) -> None:
        self.quiet = QuietSite(directory)
        self.clock, self.journal = Clock(), Journal()
        self.uplinks: dict[UplinkId, UplinkView] = {CENTRAL: UplinkView(UplinkState.ONLINE, 3)}
        self.others: list[Problem] = []
        self.disk = StoreHealth()
        self.overview = SiteOverview(
            "depot-north",
            {"settings": {}},
            self.clock,
            self.journal,
            lambda: self.uplinks,
            lambda: self.disk,
            lambda: self.others,
        )
        self.quiet.all_well()

    def look(self, later_s: float = 60.0) -> dict[str, Problem]:
        self.clock.time += timedelta(seconds=later_s)
        self.overview.look(self.quiet.site.state, self.quiet.site.cycle())
        return {problem.where: problem for problem in self.overview.problems()}


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    return Seen(tmp_path)


def test_a_site_that_is_well_has_no_problems(seen: Seen) -> None:
    assert seen.look() == {}
    assert (seen.overview.state, seen.journal.noted) == ("ok", [])
    assert (seen.overview.site_name, seen.overview.monotonic()) == ("depot-north", 7.0)
    assert (seen.overview.effective_configuration(), seen.overview.uplinks()) == ({"settings": {}}, seen.uplinks)


def test_a_problem_stands_since_it_began_and_is_noted_once_each_way(seen: Seen) -> None:
    seen.look()
    seen.quiet.site.post(events.StationDisconnected(CP02, seen.quiet.clock.at, "gone"))
    first = seen.look()["CP02"]
    assert (first.what, first.since) == ("Offline", WALL + timedelta(seconds=120))
    assert seen.look()["CP02"] == first
    assert seen.overview.state == "degraded"
    seen.quiet.connect(CP02)
    assert seen.look() == {}
    assert seen.overview.state == "ok"
    assert seen.journal.noted == [("problem.began", "CP02"), ("problem.ended", "CP02")]


def test_events_name_the_station_and_the_evse_that_a_problem_is_of(seen: Seen) -> None:
    found = [("Out of control", "CP01:2", "Look."), ("Offline", "CP02", "Look."), ("Away", "central", "Look.")]
    seen.overview.also_look(lambda: found)
    seen.look()
    assert seen.journal.whose == [
        ("problem.began", "CP01", 2),
        ("problem.began", "CP02", None),
        ("problem.began", None, None),
    ]
    seen.journal.whose.clear()
    found.clear()
    gone = seen.quiet.site.cycle()
    gone = replace(gone, snapshot=replace(gone.snapshot, stations={}, evses={}))
    seen.overview.look(seen.quiet.site.state, gone)
    assert ("problem.ended", "CP01", 2) in seen.journal.whose  # a station that was taken off the list meanwhile


def test_a_problem_that_is_worded_anew_is_the_same_problem(seen: Seen) -> None:
    seen.uplinks[CENTRAL] = UplinkView(UplinkState.OFFLINE, text="cannot resolve the name")
    first = seen.look()["central"]
    seen.uplinks[CENTRAL] = UplinkView(UplinkState.OFFLINE, text="connection refused")
    second = seen.look()["central"]
    assert (first.what, second.what) == (
        "Uplink offline: cannot resolve the name",
        "Uplink offline: connection refused",
    )
    assert first.since == second.since
    assert seen.journal.noted == [("problem.began", "central")]


def test_a_meter_that_gets_worse_is_one_problem(seen: Seen) -> None:
    seen.quiet.clock.at += 7.0
    stale = seen.look(7.0)["main"]
    seen.quiet.clock.at += 7.0
    lost = seen.look(7.0)["main"]
    assert stale.what.startswith("No good reading: stale")
    assert lost.what.startswith("No good reading: lost")
    assert stale.since == lost.since
    assert seen.overview.state == "failsafe"


def test_messages_that_were_given_up_are_told_with_the_cure(seen: Seen) -> None:
    seen.uplinks[CENTRAL] = UplinkView(UplinkState.REFUSED, dead=2, text="401")
    seen.look()
    told = {problem.what: problem.do for problem in seen.overview.problems()}
    assert "passwords" in told["Uplink refused: 401"]
    assert "transactions --dead" in told["Messages were refused for good: 2"]


def test_a_disk_that_is_not_well_is_told_of_and_degrades_the_site(seen: Seen) -> None:
    seen.disk = StoreHealth(StoreState.RESERVE, directory="/data")
    assert seen.look()["store"].what.startswith("The disk is full, transactions go into the last reserve")
    assert (seen.overview.state, seen.overview.store()) == ("degraded", seen.disk)
    seen.disk = StoreHealth()
    assert seen.look() == {}
    assert seen.journal.noted == [("problem.began", "store"), ("problem.ended", "store")]


def test_the_rooms_own_problems_come_last(seen: Seen) -> None:
    seen.others = [Problem("Contested", "CP01", WALL, "Find the second device.")]
    seen.quiet.site.post(events.StationDisconnected(CP02, seen.quiet.clock.at, "gone"))
    assert list(seen.look()) == ["CP02", "CP01"]


def test_a_signal_that_is_lost_degrades_the_site_at_the_next_look(seen: Seen) -> None:
    lost = SignalView("dso", "modbus:relay-box:0", Contact.LOST, None, "no answer", ())
    seen.overview.signals = lambda: [lost]
    seen.look()
    assert seen.overview.state == "degraded"
