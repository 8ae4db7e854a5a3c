"""What people say of departures: heard at once, kept over a restart, over with the transaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sitectl.model import events
from sitectl.model.ids import EvseId, TransactionId
from sitectl.model.limits import Wish
from sitectl.site.departures import Departures, NotSaid, Said
from sitectl.site.memory import MemoryJournal, MemoryOverlay
from sitectl.state.reduce import reduce
from sitectl.store.errors import StoreUnavailable
from tests.unit.site.test_owner import Hands
from tests.unit.state.small_site import A1, B1, A, after, begins, fresh


class Told:
    """The book beside a small site."""

    def __init__(self, overlay: MemoryOverlay | None = None, clock: Hands | None = None) -> None:
        self.clock, self.journal = clock or Hands(), MemoryJournal()
        self.overlay = overlay or MemoryOverlay(self.clock.wall)
        self.state = after(fresh(), [begins(A1)])
        zone = ZoneInfo("Europe/Berlin")
        self.book = Departures(lambda: self.state, self.post, self.overlay, self.clock, self.journal, lambda: zone)

    def post(self, event: events.Event) -> None:
        self.state = reduce(self.state, event)

    async def set(self, evse: EvseId = A1, **said: object) -> Said | NotSaid:
        given = {"at": None, "in_s": None, "energy_kwh": None, **said}
        return await self.book.set(evse, source="anna", **given)  # type: ignore[arg-type]

    def wish(self, evse: EvseId = A1) -> Wish | None:
        return self.state.evses[evse].wish


async def test_a_wish_holds_at_once_and_again_after_a_restart() -> None:
    told = Told()
    told.clock.now = 100.0
    said = await told.set(in_s=7200.0, energy_kwh=20.0)
    assert isinstance(said, Said)
    assert said.kept
    assert told.wish() == Wish(A1, 7300.0, 20_000.0, "anna", TransactionId("t1"))
    assert told.journal.entries[-1][0] == "departure.set"

    later = Hands()
    later.now = 400.0
    again = Told(told.overlay, later)
    again.book.resume()
    assert again.wish() == told.wish()


async def test_what_is_over_does_not_come_back() -> None:
    told = Told()
    await told.set(in_s=600.0)
    later = Hands()
    later.now = 601.0
    again = Told(told.overlay, later)
    again.book.resume()
    assert again.wish() is None

    other = Told(told.overlay)
    other.state = after(fresh(), [begins(A1, "another")])
    other.book.resume()
    assert other.wish() is None, "it was for another car"


async def test_it_ends_with_its_transaction_on_disk_too() -> None:
    told = Told()
    await told.set(in_s=600.0)
    await told.book.sweep()
    assert len(told.overlay.entries) == 1
    told.post(events.TransactionEnded(A1, TransactionId("t1"), 50.0))
    assert told.wish() is None
    await told.book.sweep()
    assert told.overlay.entries == {}


async def test_what_is_said_before_the_car_begins_is_for_its_transaction() -> None:
    told = Told()
    await told.set(B1, in_s=600.0)
    told.post(begins(B1, "t2"))
    wish = told.wish(B1)
    assert wish is not None
    assert wish.transaction == "t2"
    told.post(events.TransactionEnded(B1, TransactionId("t2"), 50.0))
    assert told.wish(B1) is None


async def test_times_of_day_are_those_of_the_site() -> None:
    told = Told()
    wall = told.clock.wall()
    said = await told.set(at="17:30")
    assert isinstance(said, Said)
    there = said.departs.astimezone(ZoneInfo("Europe/Berlin"))
    assert (there.hour, there.minute) == (17, 30)
    assert timedelta() < said.departs - wall <= timedelta(days=1)
    moment = (wall + timedelta(hours=3)).astimezone(UTC).replace(microsecond=0)
    said = await told.set(at=moment.isoformat())
    assert isinstance(said, Said)
    assert said.departs == moment


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "say either"),
        ({"at": "17:30", "in_s": 60.0}, "say either"),
        ({"at": "half past five"}, "write a time of day like 17:30"),
        ({"at": "25:00"}, "write a time of day"),
        ({"at": "2001-01-01T00:00:00Z"}, "it has left by then"),
        ({"in_s": 0.0}, "it has left by then"),
        ({"in_s": float("nan")}, "it has left by then"),
        ({"in_s": 8 * 86_400.0}, "more than 7 days"),
        ({"in_s": 60.0, "energy_kwh": 0.0}, "energy_kwh=0"),
        ({"in_s": 60.0, "energy_kwh": float("nan")}, "energy_kwh=nan"),
        ({"in_s": 60.0, "energy_kwh": 2000.0}, "up to 1000 kWh"),
    ],
)
async def test_what_is_refused_changes_nothing(said: dict[str, object], words: str) -> None:
    told = Told()
    refused = await told.set(**said)
    assert isinstance(refused, NotSaid)
    assert words in refused.why
    assert told.wish() is None
    assert told.overlay.entries == {}


async def test_an_evse_that_is_not_here() -> None:
    told = Told()
    refused = await told.set(EvseId(A, 7), in_s=60.0)
    assert isinstance(refused, NotSaid)
    assert refused.unknown
    refused = await told.book.clear(EvseId(A, 7), "anna")
    assert isinstance(refused, NotSaid)


async def test_a_disk_that_takes_nothing_loses_it_only_in_a_restart() -> None:
    told = Told()
    told.overlay.fault = StoreUnavailable("full")
    said = await told.set(in_s=600.0)
    assert isinstance(said, Said)
    assert not said.kept
    assert told.wish() is not None
    await told.book.sweep()


async def test_withdrawn() -> None:
    told = Told()
    await told.set(in_s=600.0)
    assert await told.book.clear(A1, "anna") is True
    assert (told.wish(), told.overlay.entries) == (None, {})
    assert await told.book.clear(A1, "anna") is False


async def test_what_cannot_be_read_is_left_out() -> None:
    told = Told()
    soon = datetime.now(UTC) + timedelta(days=3000)
    await told.overlay.keep("departure", "nobody/1", {}, source="x", expires=soon)
    await told.overlay.keep("departure", "A/1", [1], source="x", expires=soon)
    await told.overlay.keep("departure", "no number", {}, source="x", expires=soon)
    told.book.resume()
    assert told.wish() is None
