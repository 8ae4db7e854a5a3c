"""The payload of an outbox row as it goes up: made once, frozen, and sent again identical to the byte.

What a strict central refuses is put right at this door, because only here it is known: its own id of the transaction,
its clock, what its start said of the meter, and what it concluded of the token. Signed data is never touched.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sitectl.base.units import format_utc, parse_timestamp
from sitectl.model.transaction import AuthorizationStatus, OutboxItem, OutboxKind, Payload
from sitectl.ocpp.v16 import central_encode

AHEAD_S = 60.0
"""A time stamp may be this far ahead of the central's clock; some refuse those of their future."""

REFUSED = (AuthorizationStatus.INVALID, AuthorizationStatus.BLOCKED, AuthorizationStatus.EXPIRED)


def rendered(item: OutboxItem, central_now: datetime) -> Payload:
    """The payload of a row, for a central whose clock shows `central_now`."""
    message = item.message
    payload = _not_ahead(message.payload, central_now)
    if message.kind is OutboxKind.STOP:
        payload = _stop(item, payload)
    if not message.needs_transaction_id:
        return central_encode.presentable(message.action, payload)
    bound = None if item.start_dead else item.uplink_transaction_id
    return central_encode.with_transaction(message.action, payload, bound)


def _stop(item: OutboxItem, payload: Payload) -> Payload:
    """A meter never runs backwards; and a stop that we ordered because this central refused the token says so."""
    meter_wh, began_wh = payload.get("meterStop"), item.meter_start_wh
    if isinstance(meter_wh, int) and began_wh is not None and meter_wh < began_wh:
        payload = {**payload, "meterStop": began_wh}
    if item.verdict in REFUSED and payload.get("reason") == "Remote":
        payload = {**payload, "reason": "DeAuthorized"}
    return payload


def _not_ahead(payload: Payload, central_now: datetime) -> Payload:
    """Times that lie in the central's future become its present."""
    latest = central_now + timedelta(seconds=AHEAD_S)
    payload = _clipped(payload, latest, central_now)
    for key in ("meterValue", "transactionData"):
        values = payload.get(key)
        if isinstance(values, list):
            clipped = [_clipped(value, latest, central_now) for value in values]
            if any(new is not old for new, old in zip(clipped, values, strict=True)):
                payload = {**payload, key: clipped}
    return payload


def _clipped(part: Any, latest: datetime, central_now: datetime) -> Any:
    if not isinstance(part, dict) or not isinstance(stamp := part.get("timestamp"), str):
        return part
    read = parse_timestamp(stamp)
    if read is None or read[0] <= latest or _signed(part):
        return part
    return {**part, "timestamp": format_utc(central_now)}


def _signed(part: Payload) -> bool:
    values = part.get("sampledValue")
    return isinstance(values, list) and any(isinstance(v, dict) and v.get("format") == "SignedData" for v in values)
