"""Reservations as a document on disk, and back; what cannot be read is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sitectl.base.units import parse_timestamp
from sitectl.model.ids import EvseId, StationId, UplinkId
from sitectl.model.reservation import Reservation
from sitectl.model.transaction import Payload


def stored(known: Sequence[Reservation]) -> Payload | None:
    """The document; None: there is nothing to keep."""
    if not known:
        return None
    return {"reservations": [_stored(one) for one in known]}


def _stored(one: Reservation) -> Payload:
    return {
        "id": one.id,
        "evse": one.evse.evse,
        "id_token": one.id_token,
        "parent": one.parent,
        "made": one.made.isoformat(),
        "expires": one.expires.isoformat(),
        "station_id": one.station_id,
        "ended": None if one.ended is None else one.ended.isoformat(),
    }


def read(document: Payload, owner: UplinkId, station: StationId) -> Iterator[Reservation]:
    """What a document holds."""
    listed = document.get("reservations")
    for entry in listed if isinstance(listed, list) else []:
        made, expires = _moment(entry.get("made")), _moment(entry.get("expires"))
        if made is not None and expires is not None:
            yield Reservation(
                owner,
                int(entry["id"]),
                EvseId(station, int(entry["evse"])),
                str(entry["id_token"]),
                entry.get("parent"),
                made,
                expires,
                entry.get("station_id"),
                _moment(entry.get("ended")),
            )


def _moment(text: Any) -> datetime | None:
    parsed = parse_timestamp(text) if isinstance(text, str) else None
    return None if parsed is None else parsed[0]
