"""What reservations allow: whom they are for, whom they bar, and which one a start uses (OCPP 1.6, 5.13)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sitectl.model.authorization import same_token
from sitectl.model.reservation import Reservation

CLOCKS_DIFFER = timedelta(minutes=1)
"""A station's clock may be so far behind: a start soon after the reservation is not before it."""


def is_for(reservation: Reservation, id_token: str, parent: str | None) -> bool:
    """Whether a token, or its parent, is whom it was made for."""
    return same_token(reservation.id_token, id_token) or same_token(reservation.parent, parent)


def bars(
    holding: Sequence[Reservation], evse: int, id_token: str, parent: str | None, free: Collection[int]
) -> Reservation | None:
    """Which reservation is against a start of this token on this EVSE.

    `holding`: those of the station that hold and that we enforce; `free`: its EVSEs where something could start now.
    Whoever reserved any EVSE of the station must find one that nobody else reserved.
    """
    here = [one for one in holding if one.evse.evse == evse]
    if here:
        return next((one for one in here if not is_for(one, id_token, parent)), None)
    others = [one for one in holding if one.evse.evse == 0 and not is_for(one, id_token, parent)]
    left = {number for number in free if number != evse} - {one.evse.evse for one in holding}
    return others[-1] if len(others) > len(left) else None


def has_room(holding: Sequence[Reservation], evse: int, free: Collection[int]) -> bool:
    """Whether one more reservation can be kept, of this EVSE or (0) of any; `free` as above."""
    left = set(free) - {one.evse.evse for one in holding}
    anywhere = sum(1 for one in holding if one.evse.evse == 0)
    if evse == 0:
        return len(left) > anywhere
    return evse in left and len(left) > anywhere


def used(
    known: Sequence[Reservation],
    evse: int,
    id_token: str,
    parent: str | None,
    started: datetime,
    station_id: int | None = None,
) -> Reservation | None:
    """Which reservation a start uses. One that the station names is that one, or none if it is none of ours."""
    if station_id is not None:
        return next((one for one in reversed(known) if one.station_id == station_id), None)
    then = [one for one in known if one.held(started) or one.held(started + CLOCKS_DIFFER)]
    fitting = [one for one in then if one.evse.evse in (evse, 0) and is_for(one, id_token, parent)]
    return max(fitting, key=lambda one: one.evse.evse, default=None)
