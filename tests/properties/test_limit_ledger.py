"""The limit ledger on a lossy network: whatever gets lost, it never counts less than the station may lawfully draw."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import Offer, OfferKind
from sitectl.state import ledger
from sitectl.state.ledger import LimitEntry

EVSE = EvseId(StationId("CP1"), 1)
MAX_A = 32.0
ERROR_S = 30.0
LIVES_S = 240.0


@dataclass
class Station:
    """A station that obeys OCPP: a fallback, a dynamic limit that ends, a clock that is wrong by up to `ERROR_S`.

    `lasts`: it obeys a purpose that outlives its transaction. `lapses` False: its limits never end by themselves.
    """

    clock_error_s: float
    lasts: bool = False
    lapses: bool = True
    fallback_a: float | None = None
    limit_a: float | None = None
    ends_at: float = 0.0
    charging: bool = False

    def lawful_a(self, now: float) -> float:
        if not self.charging:
            return 0.0
        if self.limit_a is not None and now < self.ends_at:
            return self.limit_a
        return MAX_A if self.fallback_a is None else self.fallback_a

    def take(self, offer: Offer) -> None:
        if offer.kind is OfferKind.FALLBACK:
            self.fallback_a = offer.limit_a
        elif self.charging or self.lasts:
            lives_s = LIVES_S + self.clock_error_s if self.lapses else float("inf")
            self.limit_a, self.ends_at = offer.limit_a, offer.offered_at + lives_s

    def begin(self) -> None:
        """A transaction; a limit that is bound to one died with the last."""
        self.charging = True
        self.limit_a = self.limit_a if self.lasts else None

    def end(self) -> None:
        self.charging = False
        self.limit_a = self.limit_a if self.lasts else None


@dataclass
class World:
    """The station, our account of it, and the answers still on their way."""

    station: Station
    entry: LimitEntry = field(default_factory=lambda: LimitEntry(max_a=MAX_A))
    now: float = 0.0
    seq: int = 0
    answers: list[tuple[int, OfferKind]] = field(default_factory=list)

    def offer(self, kind: OfferKind, limit_a: float, arrives: bool, answered: str) -> None:
        self.seq += 1
        bounds = (
            (self.now + LIVES_S - ERROR_S, self.now + LIVES_S + ERROR_S) if kind is OfferKind.DYNAMIC else (None,) * 2
        )
        if not self.station.lapses:
            bounds = (None, None)
        offer = Offer(EVSE, self.seq, limit_a, kind, self.now, *bounds, lasts=self.station.lasts)
        self.entry = ledger.offered(self.entry, offer)
        if not arrives:
            return
        self.station.take(offer)
        if answered == "now":
            self.entry = ledger.acknowledged(self.entry, self.seq, kind, self.now)
        elif answered == "late":
            self.answers.append((self.seq, kind))

    def forget_answers(self) -> None:
        """What was told to a transaction that is over matters no more."""
        if not self.station.lasts:
            self.answers.clear()

    def check(self) -> None:
        counted = self.entry.counts_a(self.now, start_possible=True)
        assert counted >= self.station.lawful_a(self.now) - 1e-9, (self.now, self.entry, self.station)


limits = st.sampled_from([0.0, 6.0, 8.5, 16.0, 25.0, 32.0])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("dynamic"), limits, st.booleans(), st.sampled_from(["now", "late", "lost"])),
        st.tuples(
            st.just("fallback"), st.sampled_from([0.0, 6.0, 10.0]), st.booleans(), st.sampled_from(["now", "lost"])
        ),
        st.tuples(st.just("wait"), st.floats(0.1, 400.0)),
        st.tuples(st.just("late answer")),
        st.tuples(st.just("reading"), st.floats(0.0, 1.0)),
        st.tuples(st.just("begin")),
        st.tuples(st.just("end")),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(steps, st.floats(-ERROR_S, ERROR_S), st.booleans(), st.booleans())
def test_never_counts_less_than_the_station_may_draw(
    script: list[tuple], clock_error_s: float, lasts: bool, lapses: bool
) -> None:
    world = World(Station(clock_error_s, lasts, lapses))
    for step in script:
        match step:
            case ("dynamic", limit_a, arrives, answered):
                world.offer(OfferKind.DYNAMIC, limit_a, arrives, answered)
            case ("fallback", limit_a, arrives, answered):
                world.offer(OfferKind.FALLBACK, limit_a, arrives, answered)
            case ("wait", seconds):
                world.now += seconds
                world.entry = ledger.aged(world.entry, world.now, proven=False)
            case ("late answer",):
                if world.answers:
                    seq, kind = world.answers.pop(0)
                    world.entry = ledger.acknowledged(world.entry, seq, kind, world.now)
            case ("reading", share):
                world.now += 0.01
                world.entry = ledger.measured(world.entry, share * world.station.lawful_a(world.now), world.now)
            case ("begin",):
                if not world.station.charging:
                    world.station.begin()
                    world.forget_answers()
                    world.entry = ledger.begun(world.entry)
            case ("end",):
                world.station.end()
                world.forget_answers()
                world.entry = ledger.ended(world.entry)
        world.check()


@settings(max_examples=100, deadline=None)
@given(st.lists(limits, min_size=40, max_size=120))
def test_many_unanswered_offers_are_folded_without_counting_less(unanswered: list[float]) -> None:
    world = World(Station(0.0, fallback_a=6.0, charging=True))
    world.entry = ledger.begun(world.entry)
    for limit_a in unanswered:
        world.offer(OfferKind.DYNAMIC, limit_a, arrives=True, answered="lost")
        world.check()
        assert len(world.entry.offers) <= ledger.MOST_OFFERS
    assert world.entry.counts_a(world.now, start_possible=True) >= max(unanswered)
