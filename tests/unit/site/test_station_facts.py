"""The facts as healing looks at them: the same object while nothing changed, and who else has a hand on a station."""

from sitectl.healing.view import Commanded
from sitectl.model.commands import Answered, Unanswered
from sitectl.model.hands import HandKind
from sitectl.model.health import RemedyKind
from sitectl.model.ids import StationId
from sitectl.site.station_facts import FactBook
from sitectl.stations.hands import Hands
from sitectl.stations.vitals import Vitals
from tests.unit.api.quiet_site import CP01, CP02, StillClock

BOTH = (CP01, CP02)


class World:
    def __init__(self) -> None:
        self.clock = StillClock()
        self.vitals, self.hands = Vitals(self.clock), Hands(self.clock)
        self.outs: dict[StationId, frozenset[int]] = {}
        self.busy: dict[StationId, str] = {}
        self.relays: set[StationId] = set()
        self.book = FactBook(
            self.vitals, self.hands, lambda: self.outs, lambda: self.busy, lambda station: station in self.relays
        )


def test_a_station_that_has_not_changed_is_the_same_object():
    world = World()
    world.vitals.connected(CP01, None)
    world.outs[CP02] = frozenset({1})
    first = world.book.look(BOTH, ())
    second = world.book.look(BOTH, ())
    assert all(first[station] is second[station] for station in BOTH)
    assert first[CP01] is world.vitals.of(CP01)
    world.vitals.booted(CP01)
    third = world.book.look(BOTH, ())
    assert third[CP01] is not first[CP01]
    assert third[CP02] is first[CP02]


def test_what_others_ordered_counts_and_what_we_did_does_not():
    world = World()
    for by in ("central main", "anna", "healing", ""):
        world.hands.end(world.hands.begin(CP01, HandKind.HARD_RESET, by), Answered("Accepted", {}))
    world.hands.end(world.hands.begin(CP01, HandKind.CONFIGURATION, "anna"), Unanswered("late"))
    facts = world.book.look(BOTH, ())[CP01]
    at = world.clock.at
    assert facts.commanded == (
        Commanded(RemedyKind.HARD_RESET, "central main", at),
        Commanded(RemedyKind.HARD_RESET, "anna", at),
    )


def test_who_is_at_work_is_named_until_the_station_has_answered():
    world = World()
    hand = world.hands.begin(CP01, HandKind.START, "central main")
    world.hands.begin(CP02, HandKind.SOFT_RESET, "healing")
    facts = world.book.look(BOTH, ())
    assert (facts[CP01].busy, facts[CP02].busy) == ("central main", "")
    world.hands.end(hand, Answered("Accepted", {}))
    world.busy[CP02] = "a phase test"
    facts = world.book.look(BOTH, ())
    assert (facts[CP01].busy, facts[CP02].busy) == ("", "a phase test")


def test_what_is_out_paused_or_has_a_relay():
    world = World()
    world.outs[CP01] = frozenset({0})
    world.relays.add(CP02)
    facts = world.book.look(BOTH, {CP02})
    assert (facts[CP01].out_of_service, facts[CP01].paused, facts[CP01].has_relay) == (frozenset({0}), False, False)
    assert (facts[CP02].paused, facts[CP02].has_relay) == (True, True)
    assert not world.book.look(BOTH, ())[CP02].paused
