"""Whatever centrals wish and a station forgets: told to the end, it is out of service where somebody wants it so.

The station keeps to OCPP 1.6, 5.2: what it is told of connector 0 it does with all of its connectors.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sitectl.routing.service import Out, is_out, next_order, taken_out, with_order, with_wish

EVSES = (1, 2, 3)
wishes = st.tuples(st.sampled_from("abc"), st.sampled_from((0, *EVSES)), st.booleans())
steps = st.lists(st.one_of(wishes, st.sampled_from(["told", "forgets"])), max_size=40)


class Station:
    """What is out of service at the station itself."""

    def __init__(self) -> None:
        self.out: set[int] = set()

    def takes(self, evse: int, operative: bool) -> None:
        told = {0, *EVSES} if evse == 0 else {evse}
        self.out = self.out - told if operative else self.out | told


def tell(station: Station, out: Out, told_out: frozenset[int]) -> frozenset[int]:
    """Tell it all, in at most as many orders as there are places twice."""
    said: set[int] = set()
    for _ in range(2 * len(EVSES) + 2):
        order = next_order(out, told_out, EVSES, frozenset(said))
        if order is None:
            break
        station.takes(*order)
        said.add(order[0])
        told_out = with_order(out, told_out, *order)
    assert next_order(out, told_out, EVSES, frozenset()) is None
    return told_out


def after_a_boot(out: Out, told_out: frozenset[int]) -> frozenset[int]:
    """What shall be out is told again, by the wishes of the moment when it has settled."""
    return frozenset(evse for evse in told_out if not taken_out(out, evse))


@given(steps)
def test_it_is_out_where_somebody_wants_it_and_nowhere_else(story) -> None:
    out: Out = {}
    station, told_out, booted = Station(), frozenset[int](), False
    for step in [*story, "told"]:
        if step == "told":
            told_out = tell(station, out, after_a_boot(out, told_out) if booted else told_out)
            booted = False
        elif step == "forgets":
            station, booted = Station(), True
        else:
            out = with_wish(out, *step)
    assert [evse for evse in EVSES if (evse in station.out) != is_out(out, evse)] == []


@given(steps)
def test_nobodys_wish_changes_anothers(story) -> None:
    out: Out = {}
    for step in story:
        if isinstance(step, tuple):
            owner, _, _ = step
            others = {who: evses for who, evses in out.items() if who != owner}
            out = with_wish(out, *step)
            assert {who: evses for who, evses in out.items() if who != owner} == others
