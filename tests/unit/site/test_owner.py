"""The owner: events in, offers out, the disk in between, and a restart that forgets nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sitectl.allocator.rules import SharingRules
from sitectl.base.clock import LoopClock
from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.model import events
from sitectl.model.circuit import Topology
from sitectl.model.commands import InstallFallback, OfferLimit
from sitectl.model.ladder import FIRST_FORM, LadderStep
from sitectl.model.limits import OfferKind, StoredLimit
from sitectl.model.station import ProfileStorage
from sitectl.site.cycle_times import CycleTimes
from sitectl.site.memory import MemoryActuator, MemoryJournal, MemoryLimits
from sitectl.site.owner import Site
from tests.unit.state.small_site import A1, A, B, arrives, begins, draws, fresh, held, meter, plan, site

WALL = datetime(2026, 1, 1, tzinfo=UTC)


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return WALL + timedelta(seconds=self.now)


class Rig:
    """A site with twins around it."""

    def __init__(self, topology: Topology | None = None, *, disk: MemoryLimits | None = None, at: float = 0.0) -> None:
        self.clock, self.actuator, self.disk = Hands(), MemoryActuator(), disk or MemoryLimits()
        self.clock.now, self.journal = at, MemoryJournal()
        self.site = Site(fresh(topology), SharingRules(), self.clock, self.actuator, self.disk, self.journal)

    def cycle(self, at: float, *happened: events.Event, shows_a: float = 20.0) -> list[OfferLimit | InstallFallback]:
        """Let these happen, read the meter, decide; what left at once."""
        self.clock.now = at
        for event in happened:
            self.site.post(event)
        self.site.post(meter(at, shows_a))
        self.site.cycle()
        return self.actuator.taken()

    def accepts(self, *commands: OfferLimit | InstallFallback) -> None:
        for command in commands:
            offer = command.offer
            self.site.post(events.LimitAcknowledged(offer.evse, offer.seq, offer.kind, self.clock.now))

    def charges(self) -> OfferLimit:
        """A begins to charge at its first limit, accepted; 20 s have passed with calm readings."""
        self.accepts(*self.cycle(0.0, *arrives(A), *arrives(B)))
        (first,) = self.cycle(1.0, begins(A1, at=1.0))
        assert isinstance(first, OfferLimit)
        self.accepts(first)
        self.cycle(12.0, draws(A1, 11.9, first.offer.limit_a), shows_a=20.0 + first.offer.limit_a)
        return first


def test_at_first_contact_every_evse_is_told_its_fallback() -> None:
    rig = Rig()
    left = rig.cycle(0.0, *arrives(A))
    assert [(type(c), c.offer.evse, c.offer.limit_a) for c in left] == [(InstallFallback, A1, 6.0)]
    rig.accepts(*left)
    assert rig.disk.rows[A1].fallback_a == 6.0, "a restart must know it"
    assert not rig.cycle(1.0)


def test_a_raise_leaves_when_it_is_on_disk() -> None:
    rig = Rig(disk=MemoryLimits(at_once=False))
    rig.accepts(*rig.cycle(0.0, *arrives(A), *arrives(B)))
    while rig.disk.pending:
        rig.disk.commit()
    assert not rig.cycle(1.0, begins(A1, at=1.0))
    assert held(rig.site.state, A1).entry.offers, "it counts from the moment it was decided"
    rig.disk.commit()
    (left,) = rig.actuator.taken()
    assert rig.disk.rows[A1].counts_a == left.offer.limit_a > 6.0


def test_a_raise_that_could_not_be_stored_never_was() -> None:
    rig = Rig(disk=MemoryLimits(at_once=False))
    rig.accepts(*rig.cycle(0.0, *arrives(A), *arrives(B)))
    while rig.disk.pending:
        rig.disk.commit()
    rig.cycle(1.0, begins(A1, at=1.0))
    rig.disk.commit(works=False)
    assert not rig.actuator.taken()
    entry = held(rig.site.state, A1).entry
    assert (entry.offers, entry.counts_a(1.0, start_possible=True)) == ((), 6.0)


def test_a_raise_never_overtakes_a_cut() -> None:
    rig = Rig(disk=MemoryLimits(at_once=False))
    rig.accepts(*rig.cycle(0.0, *arrives(A), *arrives(B)))
    while rig.disk.pending:
        rig.disk.commit()
    rig.cycle(1.0, begins(A1, at=1.0))
    raised = held(rig.site.state, A1).newest_offer
    (cut,) = rig.cycle(2.0, shows_a=110.0)
    assert cut.offer.limit_a < raised.limit_a
    while rig.disk.pending:
        rig.disk.commit()
    assert not rig.actuator.taken(), "the raise came back from the disk too late"
    assert [offer.seq for offer in held(rig.site.state, A1).entry.offers] == [cut.offer.seq]


def test_cuts_leave_in_the_very_cycle_whatever_the_disk_does() -> None:
    rig = Rig()
    first = rig.charges()
    rig.disk.pending = []
    left = rig.cycle(20.0, events.StoreChanged(19.0, False, "full"), draws(A1, 19.5, 31.5), shows_a=115.0)
    assert [c.offer.limit_a < first.offer.limit_a for c in left] == [True]
    assert not rig.disk.pending


def test_without_a_store_nothing_rises() -> None:
    rig = Rig()
    rig.accepts(*rig.cycle(0.0, *arrives(A), *arrives(B)))
    assert not rig.cycle(1.0, events.StoreChanged(0.5, False), begins(A1, at=1.0))
    assert rig.cycle(2.0, events.StoreChanged(1.5, True))


def test_two_writes_in_one_moment_never_lower_what_a_restart_counts() -> None:
    rig = Rig(disk=MemoryLimits(at_once=False))
    (install, _) = rig.cycle(0.0, *arrives(A), *arrives(B))
    rig.cycle(1.0, begins(A1, at=1.0), shows_a=20.0)
    offered = held(rig.site.state, A1).newest_offer
    rig.accepts(install)
    while rig.disk.pending:
        rig.disk.commit()
    counted = rig.disk.rows[A1]
    assert counted.fallback_a == 6.0
    assert counted.counts_a >= offered.limit_a


def test_after_a_restart_everything_counts_at_least_as_much() -> None:
    rig = Rig()
    first = rig.charges()
    again = Rig(disk=rig.disk, at=13.0)
    again.site.remember(list(rig.disk.rows.values()))
    again.site.post(begins(A1, at=13.0, resumed=True))
    entry = held(again.site.state, A1).entry
    assert entry.counts_a(14.0, start_possible=True) >= first.offer.limit_a
    assert entry.fallback_a == 6.0
    (command,) = [c for c in again.cycle(30.0, *arrives(A), shows_a=50.0) if isinstance(c, OfferLimit)]
    assert command.offer.seq > first.offer.seq


def test_an_ended_transaction_is_not_counted_by_a_restart() -> None:
    rig = Rig()
    rig.charges()
    rig.site.post(events.TransactionEnded(A1, held(rig.site.state, A1).transaction.id, 12.5))
    again = Rig(disk=rig.disk, at=13.0)
    again.site.remember(list(rig.disk.rows.values()))
    again.site.post(events.StartControlLearned(A, 13.0, True))
    again.cycle(13.5, *arrives(A))
    assert again.site.decision.snapshot.evses[A1].counts_a == 0.0


def test_what_was_released_is_written_down_so_that_a_restart_does_not_count_it() -> None:
    rig = Rig()
    first = rig.charges()
    (cut,) = rig.cycle(20.0, draws(A1, 19.5, first.offer.limit_a), shows_a=90.0 + first.offer.limit_a)
    assert rig.disk.rows[A1].counts_a == first.offer.limit_a
    rig.accepts(cut)
    rig.cycle(31.0, draws(A1, 30.0, 0.0), shows_a=90.0)
    assert rig.disk.rows[A1].counts_a == cut.offer.limit_a


def test_what_is_written_down_after_a_release_lasts_so_that_nothing_is_renewed_for_it() -> None:
    rig = Rig()
    first = rig.charges()
    (cut,) = rig.cycle(20.0, draws(A1, 19.5, first.offer.limit_a), shows_a=90.0 + first.offer.limit_a)
    rig.accepts(cut)
    said = []
    for at in range(21, 110):
        drawn = draws(A1, at - 0.2, cut.offer.limit_a)
        said += rig.cycle(float(at), drawn, shows_a=90.0 + cut.offer.limit_a)
    assert rig.disk.rows[A1].counts_a == cut.offer.limit_a
    assert not said


def test_a_fallback_lost_in_a_reboot_is_noted_on_disk() -> None:
    rig = Rig(site(plan(A, storage=ProfileStorage.RAM)))
    rig.accepts(*rig.cycle(0.0, *arrives(A)))
    assert rig.disk.rows[A1].fallback_a == 6.0
    rig.cycle(50.0, *arrives(A, 50.0))
    assert rig.disk.rows[A1].fallback_a is None


def test_a_station_takes_no_more_raises_than_its_flash_bears() -> None:
    rig = Rig()
    first = rig.charges()
    while (written := rig.site.written(A)).transaction < written.transaction_most:
        rig.site._writes.limit(A, FIRST_FORM, 12.0)
    assert rig.cycle(19.0, draws(A1, 18.5, 20.0), shows_a=30.0) == [], "nothing rises"
    left = rig.cycle(20.0, draws(A1, 19.5, 31.5), shows_a=115.0)
    assert [c.offer.limit_a < first.offer.limit_a for c in left] == [True], "cuts are never rationed"
    assert rig.site.written(A).transaction > 500
    assert [where for _, where, _ in rig.site.findings()] == [A]


def test_who_can_only_be_stopped_takes_all_without_a_word_and_is_stopped_where_that_does_not_fit() -> None:
    rig = Rig(site(replace(plan(A), control=LadderStep.START_STOP), plan(B)))
    rig.accepts(*rig.cycle(0.0, *arrives(A), *arrives(B)))
    assert held(rig.site.state, A1).entry.fallback_a is None, "no fallback binds it"
    (all_of_it,) = rig.cycle(1.0, begins(A1, at=1.0))
    assert isinstance(all_of_it, OfferLimit)
    assert (all_of_it.form.step, all_of_it.offer.limit_a) == (LadderStep.START_STOP, 32.0)
    rig.accepts(all_of_it)
    assert rig.cycle(12.0, draws(A1, 11.9, 31.0), shows_a=51.0) == []
    calls = [rig.cycle(12.0 + s, draws(A1, 11.9 + s, 31.0), shows_a=115.0) for s in range(1, 12)]
    stops = [command for left in calls for command in left]
    assert [(c.offer.evse, c.offer.limit_a, c.offer.expires_at) for c in stops] == [(A1, 0.0, None)]
    assert rig.site.written(A).transaction == 0, "a stop wears nothing"


def test_times_of_cycles() -> None:
    times = CycleTimes()
    assert times.percentile(0.5) is None
    for ms in range(1, 101):
        times.add(float(ms))
    assert (times.count, times.percentile(0.5), times.percentile(0.99)) == (100, 51.0, 100.0)


async def run_for(seconds: float, act: Callable[[Site], None]) -> list[float]:
    """Run the owner, let `act` happen after 2.5 s; when its cycles were."""
    clock, at = LoopClock(WALL), []
    owner = Site(fresh(), SharingRules(), clock, MemoryActuator(), MemoryLimits(), MemoryJournal())
    owner.on_cycle = lambda decision: at.append(round(clock.monotonic(), 3))
    tasks = Tasks()
    tasks.spawn(owner.run(), "site")
    asyncio.get_running_loop().call_later(2.5, act, owner)
    await asyncio.sleep(seconds)
    await tasks.cancel_all()
    return at


def test_a_cycle_a_second_and_at_once_on_what_matters() -> None:
    assert run_virtual(run_for(5.9, lambda site: None)) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert run_virtual(run_for(4.9, lambda site: site.post(begins(A1)))) == [0.0, 1.0, 2.0, 2.5, 3.5, 4.5]
    assert run_virtual(run_for(4.0, lambda site: site.post(draws(A1, 2.5, 5.0)))) == [0.0, 1.0, 2.0, 3.0]


def test_after_a_reading_the_cycle_by_the_clock_gives_way_to_the_next_reading() -> None:
    def read(owner: Site) -> None:
        loop = asyncio.get_running_loop()
        for n in range(3):
            shown = meter(2.5 + n, 40.0 + 5.0 * n)
            loop.call_later(n + 0.01, owner.post, shown)

    assert run_virtual(run_for(6.9, read)) == [0.0, 1.0, 2.0, 2.51, 3.51, 4.51, 5.61, 6.61]


def test_it_is_calm_after_a_cycle_that_tells_no_limit() -> None:
    calm_at: list[float] = []

    async def look(owner: Site) -> None:
        while True:
            await owner.calm()
            calm_at.append(round(asyncio.get_running_loop().time(), 3))

    looking: list[asyncio.Task[None]] = []

    def begin(owner: Site) -> None:
        looking.append(asyncio.create_task(look(owner)))
        for event in (*arrives(A), begins(A1)):
            owner.post(event)

    run_virtual(run_for(5.9, begin))
    assert calm_at[-1] == 5.5
    assert 2.5 not in calm_at, "a limit was told then"


def test_a_storm_of_events_does_not_starve_the_loop() -> None:
    def storm(owner: Site) -> None:
        loop = asyncio.get_running_loop()
        for n in range(200):
            loop.call_later(n * 0.005, owner.post, begins(A1, f"t{n}"))

    at = run_virtual(run_for(4.0, storm))
    assert min(b - a for a, b in pairwise(at)) >= 0.1 - 1e-6


def test_a_refusal_by_a_station_matters_a_withdrawal_by_ourselves_does_not() -> None:
    def refused(by_station: bool) -> Callable[[Site], None]:
        event = events.LimitRefused(A1, 1, OfferKind.DYNAMIC, 2.5, "", by_station)
        return lambda owner: owner.post(event)

    assert 2.5 in run_virtual(run_for(3.5, refused(True)))
    assert 2.5 not in run_virtual(run_for(3.5, refused(False)))


def test_a_meter_wakes_the_cycle_only_when_it_moves() -> None:
    def reads(*amperes: float) -> Callable[[Site], None]:
        def act(owner: Site) -> None:
            for n, a in enumerate(amperes):
                asyncio.get_running_loop().call_later(0.2 * n, owner.post, meter(2.5, a))

        return act

    assert run_virtual(run_for(3.4, reads(10.0, 10.9))) == [0.0, 1.0, 2.0, 2.5]
    assert run_virtual(run_for(3.4, reads(10.0, 11.0))) == [0.0, 1.0, 2.0, 2.5, 2.7]


def test_a_meter_that_moves_does_not_wait_for_a_storm_to_pass() -> None:
    """The cycle of the start at 2.5 s may be followed by that of the meter before its 100 ms are over."""

    def act(owner: Site) -> None:
        owner.post(begins(A1))
        asyncio.get_running_loop().call_later(0.03, owner.post, begins(A1, "t2"))
        asyncio.get_running_loop().call_later(0.04, owner.post, meter(2.54, 20.0))

    assert run_virtual(run_for(3.4, act)) == [0.0, 1.0, 2.0, 2.5, 2.54]


async def test_twins_keep_what_they_are_given() -> None:
    disk = MemoryLimits()
    row = StoredLimit(A1, 6.0, 6.0, 1, None, WALL)
    saved: list[bool] = []
    disk.save([row], saved.append)
    assert (await disk.load(), saved) == ([row], [True])
    journal = MemoryJournal()
    journal.record("site.started", data={"name": "depot"})
    assert journal.entries == [("site.started", None, None, {"name": "depot"})]


def test_people_are_told_of_limits_that_change_and_not_of_those_said_again() -> None:
    rig = Rig()
    first = rig.charges()
    (told,) = rig.journal.entries
    assert told[:3] == ("limit.raised", A, 1)
    assert told[3]["limit_a"] == first.offer.limit_a
    assert rig.cycle(13.0, shows_a=200.0)
    assert rig.journal.entries[-1][0] == "limit.cut"
    count = len(rig.journal.entries)
    rig.site.post(
        events.LimitUnanswered(A1, rig.site.state.evses[A1].newest_offer.seq, OfferKind.DYNAMIC, 13.5, "gone")
    )
    assert rig.cycle(14.0, shows_a=200.0), "it is said again"
    assert len(rig.journal.entries) == count
