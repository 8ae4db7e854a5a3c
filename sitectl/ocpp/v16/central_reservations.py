"""ReserveNow and CancelReservation: as a central sends them, as a station gets them, and the answers (5.1, 5.13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sitectl.base.units import format_utc
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16.charging_profiles import Invalid
from sitectl.ocpp.v16.fields import Fields
from sitectl.ocpp.versions import ErrorCode


@dataclass(frozen=True, slots=True)
class ReserveAsked:
    """A ReserveNow; EVSE 0: any one of the station."""

    reservation: int
    evse: int
    id_token: str
    parent: str | None
    expires: datetime


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """A CancelReservation."""

    reservation: int


class ReserveStatus(StrEnum):
    """The answer to a ReserveNow."""

    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


def reserve_asked(payload: Payload) -> ReserveAsked | Invalid:
    """Read a ReserveNow."""
    fields = Fields(payload)
    reservation = fields.integer("reservationId", required=True)
    evse = fields.integer("connectorId", required=True)
    id_token = fields.text("idTag", required=True)
    expires = fields.moment("expiryDate", required=True)
    if reservation is None or evse is None or id_token is None or expires is None:
        return Invalid(ErrorCode.FORMAT_VIOLATION, fields.wrong[0].message)
    return ReserveAsked(reservation, evse, id_token, fields.text("parentIdTag"), expires[0])


def cancel_asked(payload: Payload) -> CancelAsked | Invalid:
    """Read a CancelReservation."""
    fields = Fields(payload)
    reservation = fields.integer("reservationId", required=True)
    if reservation is None:
        return Invalid(ErrorCode.FORMAT_VIOLATION, fields.wrong[0].message)
    return CancelAsked(reservation)


def reserve(asked: ReserveAsked, station_id: int) -> Payload:
    """The same towards a station, by the id under which it shall hold it."""
    payload: Payload = {
        "connectorId": asked.evse,
        "expiryDate": format_utc(asked.expires),
        "idTag": asked.id_token,
        "reservationId": station_id,
    }
    return payload if asked.parent is None else {**payload, "parentIdTag": asked.parent}


def cancel(station_id: int) -> Payload:
    """CancelReservation towards a station."""
    return {"reservationId": station_id}


def reserve_status(word: str) -> ReserveStatus:
    """What a station answered; a word that 1.6 does not have is no."""
    return next((status for status in ReserveStatus if status.value == word), ReserveStatus.REJECTED)


def reserve_answer(status: ReserveStatus) -> Payload:
    """The answer to ReserveNow."""
    return {"status": status.value}
