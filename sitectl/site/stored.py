"""What the disk says of each EVSE, or may say while a write is under way: what a restart would count."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sitectl.model.ids import EvseId
from sitectl.model.limits import StoredLimit
from sitectl.state.evse import EvseState

UNBOUNDED = float("inf")
NEVER_TOLD_S = 600.0
"""How long a restart counts what an EVSE may draw until it has shown to obey its first limit."""

FOR_EVER_S = 10 * 366 * 86_400.0
"""A limit that never lapses by itself is counted until another one takes its place."""

WORTH_LOWERING_A = 1.0


class StoredLimits:
    """The rows on disk: of each EVSE the one that is surely there, and after it those on their way."""

    def __init__(self) -> None:
        self._rows: dict[EvseId, tuple[StoredLimit, ...]] = {}

    def loaded(self, row: StoredLimit) -> None:
        """Read at start-up."""
        self._rows[row.evse] = (row,)

    def writing(self, rows: Iterable[StoredLimit]) -> None:
        """These are being written; they are on disk now or later, in this order."""
        for row in rows:
            self._rows[row.evse] = (*self._rows.get(row.evse, ()), row)

    def written(self, rows: Iterable[StoredLimit], well: bool) -> None:
        """The write has ended."""
        for row in rows:
            held = self._rows.get(row.evse, ())
            if row not in held:
                continue
            left = held[held.index(row) :] if well else tuple(one for one in held if one is not row)
            self._rows[row.evse] = left

    def newest(self, evse: EvseId) -> StoredLimit | None:
        """What the disk will say when all is written."""
        rows = self._rows.get(evse)
        return rows[-1] if rows else None

    def floor_a(self, evse: EvseId) -> float:
        """What a restart counts a charging EVSE at, however late it comes. Nothing stored counts as its `max_a`."""
        fallbacks = [row.fallback_a for row in self._rows.get(evse, ()) if row.fallback_a is not None]
        return min(fallbacks, default=UNBOUNDED)

    def covers_s(self, evse: EvseId, limit_a: float) -> float:
        """How long a restart counts this EVSE at no less than `limit_a`, whenever it comes."""
        return min((_covers_s(row, limit_a) for row in self._rows.get(evse, ())), default=UNBOUNDED)


def lives_s(row: StoredLimit) -> float:
    """How long a restart counts by a row: as long as that had to live when it was written, from the restart on.

    How long nobody ran is not known: the clock may have been set meanwhile, and stations do not care.
    """
    return 0.0 if row.expires is None else max(0.0, (row.expires - row.stored).total_seconds())


def _covers_s(row: StoredLimit, limit_a: float) -> float:
    if row.fallback_a is None or limit_a <= row.fallback_a:
        return UNBOUNDED
    return lives_s(row) if limit_a <= row.counts_a else 0.0


def row_of(evse: EvseState, now: float, wall: datetime, beyond_s: float = 0.0) -> StoredLimit:
    """What the disk must say of an EVSE: all that may be in force, offers included that have not left yet.

    It outlives the last limit by `beyond_s`, so that cuts which follow are covered by it.
    """
    entry = evse.entry
    dynamic = bool(entry.acknowledged or entry.offers)
    lasts_s = entry.last_expiry_at(now) - now + (beyond_s if dynamic else 0.0)
    if entry.lasts_for_ever():
        lasts_s = FOR_EVER_S
    elif any(offer.expires_latest_at is None for offer in entry.unreleased):
        lasts_s = max(lasts_s, NEVER_TOLD_S)
    return StoredLimit(
        evse=evse.plan.id,
        counts_a=entry.counts_a(now, start_possible=True),
        fallback_a=None if entry.fallback_a is None else entry.fallback_bound_a(),
        seq=evse.newest_offer.seq if evse.newest_offer is not None else 0,
        expires=wall + timedelta(seconds=lasts_s),
        stored=wall,
        obeys=evse.obeys.value,
    )


def is_wrong(row: StoredLimit, evse: EvseState, now: float) -> bool:
    """Whether a restart would count this EVSE noticeably higher, or longer, than it is, or by another fallback."""
    entry = evse.entry
    if row.fallback_a != entry.fallback_a and not entry.fallback_offers:
        return True
    if not lives_s(row):
        return False
    if evse.transaction is None and not entry.dynamic():
        return True
    return not entry.offers and row.counts_a - entry.counts_a(now, start_possible=True) >= WORTH_LOWERING_A
