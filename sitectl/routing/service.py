"""Which EVSEs are in service: those that nobody has taken out (OCPP 1.6, 5.2). EVSE 0 is the station with all of its.

Everybody has a say of his own: a central, and the site itself. What somebody says of EVSE 0 he says of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Out = Mapping[str, frozenset[int]]
"""Who has taken which EVSEs of one station out of service. Operative is what nobody need say."""


def with_wish(out: Out, owner: str, evse: int, operative: bool) -> Out:
    """The same with one more word of `owner`."""
    own = frozenset() if evse == 0 else out.get(owner, frozenset())
    own = own - {evse} if operative else own | {evse}
    return {**{who: evses for who, evses in out.items() if who != owner}, **({owner: own} if own else {})}


def all_taken_out(out: Out) -> frozenset[int]:
    """All that anybody has taken out."""
    return frozenset[int]().union(*out.values())


def taken_out(out: Out, evse: int) -> bool:
    """Whether anybody has taken out exactly this one."""
    return any(evse in own for own in out.values())


def is_out(out: Out, evse: int) -> bool:
    """Whether it is out of service, by itself or with the whole station."""
    return taken_out(out, evse) or taken_out(out, 0)


def next_order(
    out: Out, told_out: frozenset[int], evses: Sequence[int], said: frozenset[int]
) -> tuple[int, bool] | None:
    """What is to be said to the station next: (EVSE, operative). `told_out`: what it has accepted to be out.

    While the station as a whole is out nothing is said of single EVSEs: some would put them back into service.
    `said`: what it was told in this round, whatever it answered.
    """
    whole = taken_out(out, 0)
    places = (0,) if whole else (0, *evses)
    for evse in places:
        if evse not in said and taken_out(out, evse) != (evse in told_out):
            return evse, not taken_out(out, evse)
    return None


def with_order(out: Out, told_out: frozenset[int], evse: int, operative: bool) -> frozenset[int]:
    """What the station was told to be out, now that it has accepted this too.

    A station that goes back into service takes all its EVSEs with it: those that shall stay out are to be told again.
    """
    if not operative:
        return told_out | {evse}
    if evse == 0:
        return frozenset(one for one in told_out if one != 0 and not taken_out(out, one))
    return told_out - {evse}
