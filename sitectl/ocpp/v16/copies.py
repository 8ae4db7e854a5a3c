"""Copies of a station's transaction messages for the outbox: as it said them, without what only we and it share.

Our transaction id never goes up: each uplink binds its own in. A time that cannot be (a clock that was never set) is
replaced by the business time; everything else stays as it came, signed data above all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sitectl.base.units import format_utc
from sitectl.model.ids import UplinkId
from sitectl.model.transaction import OutboxKind, OutboxMessage, Payload, TransactionStop
from sitectl.ocpp.versions import Version

_RESERVATION = "reservationId"


def start(
    payload: Payload, started: datetime | None = None, reservation: Mapping[UplinkId, int] | None = None
) -> OutboxMessage:
    """StartTransaction; `started` where the station's own time cannot be.

    `reservation`: the one that it uses, by each central's own id; what the station calls it goes up to nobody.
    """
    own = {key: value for key, value in _retimed(payload, started).items() if key != _RESERVATION}
    if reservation:
        own[_RESERVATION] = dict(reservation)
    return _message("StartTransaction", own, OutboxKind.START, needs_transaction_id=False)


def reservation_of(payload: Payload, uplink: UplinkId) -> Payload:
    """A stored StartTransaction as this central gets it: with the id that it gave the reservation, if it made it."""
    ids = payload.get(_RESERVATION)
    if not isinstance(ids, dict):
        return payload
    own = {key: value for key, value in payload.items() if key != _RESERVATION}
    return own if uplink not in ids else {**own, _RESERVATION: ids[uplink]}


def stop(payload: Payload, stopped: datetime | None = None) -> OutboxMessage:
    """StopTransaction; `stopped` where the station's own time cannot be."""
    return _message("StopTransaction", _retimed(payload, stopped), OutboxKind.STOP, needs_transaction_id=True)


def forgotten_stop(stop: TransactionStop) -> OutboxMessage:
    """StopTransaction of a transaction whose station forgot to stop it, worded from what the ledger concluded."""
    payload: Payload = {
        "meterStop": stop.meter_stop_wh,
        "timestamp": format_utc(stop.stopped),
        "reason": stop.reason,
    }
    if stop.id_token:
        payload["idTag"] = stop.id_token
    return _message("StopTransaction", payload, OutboxKind.STOP, needs_transaction_id=True)


def meter_values(payload: Payload, sampled: Mapping[int, datetime] | None = None) -> OutboxMessage:
    """MeterValues; `sampled` gives times for those of its values whose own cannot be, by their place in the list."""
    if sampled:
        values = payload.get("meterValue")
        listed = values if isinstance(values, list) else [values]
        payload = {**payload, "meterValue": [_retimed(v, sampled.get(n)) for n, v in enumerate(listed)]}
    return _message("MeterValues", payload, OutboxKind.METER, needs_transaction_id=True)


def _retimed(payload: Payload, moment: datetime | None) -> Payload:
    return payload if moment is None else {**payload, "timestamp": format_utc(moment)}


def _message(action: str, payload: Payload, kind: OutboxKind, *, needs_transaction_id: bool) -> OutboxMessage:
    bare = {**payload}
    bare.pop("transactionId", None)
    return OutboxMessage(action, bare, Version.V16.value, kind, needs_transaction_id)


def is_signed(part: Mapping[str, Any]) -> bool:
    """Whether a MeterValue carries signed data: nothing in it may be changed, its time
    neither.
    """
    values = part.get("sampledValue")
    return isinstance(values, list) and any(isinstance(v, dict) and v.get("format") == "SignedData" for v in values)
