"""How a site wants its current shared, and what the allocator remembers from one cycle to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sitectl.model.ids import EvseId, TransactionId
from sitectl.model.limits import ChargingLimit

Mode = Literal["minimum-first", "strict-priority"]
Share = Literal["current", "power", "need"]


@dataclass(frozen=True, slots=True)
class SharingRules:
    """Times and steps of sharing; the defaults are the site's table of times.

    * `mode`: `minimum-first` gives a minimum to every class before it fills the highest; `strict-priority` fills
      class by class.
    * `dwell_s`: how long a pause and a run of a vehicle last at least. Cars that are paused too often fall asleep
      for good.
    * `raise_hold_s`, `cut_hold_s`: wait of one EVSE since its last raise, and after a cut, before the next raise.
    * `cut_pause_s`: an EVSE is cut once in this time to let others have their share (a fuse or a minimum of somebody
      does not wait).
    * `dead_band_a`: smaller changes are not worth a message, and a limit this near to its share is fair.
    * `calm_s`: so long a dead band must have been to spare before it is given to who is less than that below its
      share: the base load would have it back by another message.
    * `quantum_s`: so much longer than somebody who charges one must have waited to get his place.
    * `share`: what is the same for everybody: the current, the power, or the part of what each still needs.
    * `step_a`: the grid of limits; a multiple of 0.1 A.
    * `patience_s`: so long a meter may show a small overload before somebody who has only the minimum is paused for it.
    """

    mode: Mode = "minimum-first"
    dwell_s: float = 300.0
    raise_hold_s: float = 30.0
    cut_hold_s: float = 60.0
    cut_pause_s: float = 10.0
    dead_band_a: float = 1.0
    step_a: float = 0.1
    patience_s: float = 3.0
    calm_s: float = 120.0
    quantum_s: float = 900.0
    share: Share = "current"


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """A limit lowered (to `cap` tenths) for want of use, since when. `until` set: the car has its share back, and until
    then it need not wait for the hold after a cut."""

    cap: int
    since: float
    transaction: TransactionId | None
    until: float | None = None


class Credit(NamedTuple):
    """How long a transaction had waited for a place when it began to wait, `since` (None: it does not now)."""

    seconds: float
    transaction: TransactionId | None
    since: float | None


@dataclass(frozen=True, slots=True)
class AllocatorMemory:
    """What the next cycle needs of this one. Losing it costs no safety: only patience (pauses count as pauses).

    * `unstarted`: transactions that were never offered more than 0. They are no paused vehicles, so neither the
      pause minimum nor the hold after a cut keeps them waiting when a place becomes free.
    * `targets`: the last targets, whose values are reused where nothing changed.
    * `reclaimed`: whose limit was lowered because others could use it; `short`: rows that keep somebody from more.
    * `credits`: of whoever waits or has waited; `promised`: who has a place and was not told yet;
      `contended`: by row, when somebody waited for it last.
    * `spare_since`: by row, since when it has a dead band to spare that nobody is waiting for.
    * `roomy`: since when three phases would have room for whoever charges by one.
    * `shortages`: by row, since when minimums of running vehicles did not fit, and when that was so last; `borne`: when
      they were kept all the same.
    """

    unstarted: Mapping[EvseId, TransactionId | None] = field(default_factory=dict)
    targets: tuple[ChargingLimit, ...] = ()
    reclaimed: Mapping[EvseId, Reclaimed] = field(default_factory=dict)
    short: frozenset[int] = frozenset()
    credits: Mapping[EvseId, Credit] = field(default_factory=dict)
    promised: frozenset[EvseId] = frozenset()
    contended: Mapping[int, float] = field(default_factory=dict)
    shortages: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    borne: Mapping[int, float] = field(default_factory=dict)
    roomy: Mapping[EvseId, float] = field(default_factory=dict)
    spare_since: Mapping[int, float] = field(default_factory=dict)

    def over_another_tree(self) -> AllocatorMemory:
        """What of it still holds when the site was configured anew: what is kept by name, not by number."""
        return AllocatorMemory(self.unstarted, reclaimed=self.reclaimed, credits=self.credits, promised=self.promised)
