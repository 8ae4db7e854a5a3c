"""The release rules of the limit ledger, one by one."""

from __future__ import annotations

from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import Offer, OfferKind
from sitectl.state import ledger
from sitectl.state.ledger import LimitEntry

EVSE = EvseId(StationId("CP1"), 1)


def dynamic(seq: int, limit_a: float, at: float = 0.0, lives_s: float = 240.0, error_s: float = 60.0) -> Offer:
    return Offer(EVSE, seq, limit_a, OfferKind.DYNAMIC, at, at + lives_s - error_s, at + lives_s + error_s)


def charging(fallback_a: float | None = 6.0, max_a: float = 32.0) -> LimitEntry:
    return ledger.begun(LimitEntry(max_a=max_a, fallback_a=fallback_a))


def test_a_station_that_was_never_told_anything_counts_at_its_maximum() -> None:
    assert LimitEntry(max_a=32.0).counts_a(0.0, start_possible=True) == 32.0
    assert charging(fallback_a=None).counts_a(0.0, start_possible=False) == 32.0


def test_an_idle_evse_counts_nothing_only_where_a_start_must_pass_us() -> None:
    entry = LimitEntry(max_a=32.0, fallback_a=6.0)
    assert entry.counts_a(0.0, start_possible=False) == 0.0
    assert entry.counts_a(0.0, start_possible=True) == 6.0


def test_every_offer_since_the_acknowledgement_counts() -> None:
    entry = charging()
    for seq, limit_a in ((1, 20.0), (2, 10.0), (3, 8.0)):
        entry = ledger.offered(entry, dynamic(seq, limit_a))
    assert entry.counts_a(1.0, start_possible=True) == 20.0
    entry = ledger.acknowledged(entry, 2, OfferKind.DYNAMIC, 1.0)
    assert entry.counts_a(1.0, start_possible=True) == 20.0, "accepted, but the car may still draw by the older one"
    entry = ledger.measured(entry, 10.2, 2.0)
    assert entry.counts_a(2.0, start_possible=True) == 10.2


def test_a_reading_older_than_the_acknowledgement_releases_nothing() -> None:
    entry = ledger.offered(charging(), dynamic(1, 20.0))
    entry = ledger.acknowledged(entry, 1, OfferKind.DYNAMIC, 1.0)
    entry = ledger.offered(entry, dynamic(2, 8.0, at=5.0))
    entry = ledger.acknowledged(entry, 2, OfferKind.DYNAMIC, 6.0)
    assert ledger.measured(entry, 0.0, 6.0).counts_a(6.0, start_possible=True) == 20.0
    assert ledger.measured(entry, 8.4, 6.1).counts_a(6.1, start_possible=True) == 8.4
    assert ledger.measured(entry, 9.0, 6.1).counts_a(6.1, start_possible=True) == 20.0


def test_a_proven_station_is_released_by_time() -> None:
    entry = ledger.offered(charging(), dynamic(1, 20.0))
    entry = ledger.acknowledged(entry, 1, OfferKind.DYNAMIC, 1.0)
    entry = ledger.offered(entry, dynamic(2, 8.0, at=5.0))
    entry = ledger.acknowledged(entry, 2, OfferKind.DYNAMIC, 6.0)
    assert ledger.aged(entry, 11.9, proven=True).counts_a(11.9, start_possible=True) == 20.0
    assert ledger.aged(entry, 12.0, proven=True).counts_a(12.0, start_possible=True) == 8.0
    assert ledger.aged(entry, 12.0, proven=False).counts_a(12.0, start_possible=True) == 20.0


def test_a_limit_falls_back_when_it_ends_and_both_count_while_the_clock_is_uncertain() -> None:
    entry = ledger.acknowledged(ledger.offered(charging(fallback_a=10.0), dynamic(1, 0.0)), 1, OfferKind.DYNAMIC, 0.0)
    entry = ledger.measured(entry, 0.0, 1.0)
    assert entry.counts_a(179.0, start_possible=True) == 0.0
    assert entry.counts_a(181.0, start_possible=True) == 10.0
    high = ledger.acknowledged(ledger.offered(charging(), dynamic(1, 20.0)), 1, OfferKind.DYNAMIC, 0.0)
    assert high.counts_a(299.0, start_possible=True) == 20.0
    assert ledger.aged(high, 301.0, proven=False).counts_a(301.0, start_possible=True) == 6.0


def test_a_refused_offer_no_longer_counts() -> None:
    entry = ledger.offered(charging(), dynamic(1, 20.0))
    assert ledger.refused(entry, 1, OfferKind.DYNAMIC).counts_a(1.0, start_possible=True) == 6.0


def test_a_measured_draw_above_every_limit_counts() -> None:
    entry = ledger.acknowledged(ledger.offered(charging(), dynamic(1, 10.0)), 1, OfferKind.DYNAMIC, 0.0)
    assert ledger.measured(entry, 17.5, 1.0).counts_a(1.0, start_possible=True) == 17.5


def test_the_first_limit_releases_the_fallback_like_any_other() -> None:
    entry = ledger.acknowledged(ledger.offered(charging(fallback_a=None), dynamic(1, 8.0)), 1, OfferKind.DYNAMIC, 0.0)
    assert entry.counts_a(0.5, start_possible=True) == 32.0
    assert ledger.measured(entry, 8.0, 0.6).counts_a(0.6, start_possible=True) == 8.0


def test_after_a_restart_the_remembered_limit_holds_until_it_has_surely_lapsed() -> None:
    remembered = Offer(EVSE, 9, 16.0, OfferKind.DYNAMIC, 0.0, 0.0, 300.0)
    entry = ledger.remembered(LimitEntry(max_a=32.0), remembered, fallback_a=6.0)
    assert entry.accepted_a() is None, "it counts at what may have been in force, whatever was accepted"
    assert entry.counts_a(299.0, start_possible=True) == 16.0
    assert ledger.aged(entry, 300.0, proven=False).counts_a(300.0, start_possible=True) == 6.0
    assert ledger.aged(entry, 300.0, proven=False).accepted_a() == 6.0
    assert ledger.aged(entry, 300.0, proven=False).counts_a(300.0, start_possible=False) == 0.0
