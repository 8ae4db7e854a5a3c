"""The release rules of the limit ledger, one by one."""

from __future__ import annotations

from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import Offer, OfferKind
from sitectl.state import ledger
from sitectl.state.ledger import MOST_OFFERS, LimitEntry

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


def test_a_reading_on_the_way_down_counts_until_the_next_one() -> None:
    """By it the base load is reckoned as well: of a station that falls silent then, it is all that is known."""
    entry = ledger.acknowledged(ledger.offered(charging(), dynamic(1, 20.0)), 1, OfferKind.DYNAMIC, 1.0)
    entry = ledger.acknowledged(ledger.offered(entry, dynamic(2, 8.0, at=5.0)), 2, OfferKind.DYNAMIC, 6.0)
    before, on_its_way = ledger.measured(entry, 19.0, 6.0), ledger.measured(entry, 19.0, 8.0)
    assert ledger.aged(before, 12.0, proven=True).counts_a(12.0, start_possible=True) == 8.0
    assert ledger.aged(on_its_way, 12.0, proven=True).counts_a(12.0, start_possible=True) == 19.0


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


def fallback(seq: int, limit_a: float) -> Offer:
    return Offer(EVSE, seq, limit_a, OfferKind.FALLBACK, 0.0)


def test_an_accepted_fallback_is_no_offer_any_more_and_an_unknown_one_changes_nothing() -> None:
    entry = ledger.offered(ledger.offered(charging(6.0), fallback(1, 16.0)), fallback(2, 8.0))
    first = ledger.acknowledged(entry, 1, OfferKind.FALLBACK, 1.0)
    assert [offer.seq for offer in first.fallback_offers] == [2]
    both = ledger.acknowledged(first, 2, OfferKind.FALLBACK, 2.0)
    assert both.fallback_offers == ()
    assert both.fallback_bound_a() == 8.0
    assert ledger.acknowledged(both, 9, OfferKind.FALLBACK, 3.0) is both


def test_a_limit_that_never_lapses_hides_no_other_expiry() -> None:
    lasting = Offer(EVSE, 1, 16.0, OfferKind.DYNAMIC, 0.0)
    entry = ledger.offered(ledger.offered(charging(), lasting), dynamic(2, 10.0))
    assert entry.last_expiry_at(0.0) == 300.0
    assert entry.last_expiry_at(0.0, above_a=10.0) == 0.0


def test_offers_that_are_folded_fall_back_as_early_and_last_as_long_as_either() -> None:
    """What many offers count is no lower and no shorter for their number."""
    entry, lower = charging(fallback_a=20.0), MOST_OFFERS
    for seq in range(lower + 1):
        entry = ledger.offered(entry, dynamic(seq, 6.0, at=float(seq)))
    folded = entry.offers[0]
    assert len(entry.offers) == MOST_OFFERS
    assert (folded.expires_at, folded.expires_latest_at) == (180.0, 301.0)
    assert entry.counts_a(179.0, start_possible=False) == 20.0, "until one is accepted the fallback holds"
    accepted = ledger.acknowledged(entry, lower, OfferKind.DYNAMIC, 60.0)
    assert accepted.counts_a(61.0, start_possible=False) == 20.0, "and is released like any other limit"
