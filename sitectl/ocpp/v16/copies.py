"""Copies of a station's transaction messages for the outbox: as it said them, without what only we and it share.

Our transaction id never goes up: each uplink binds its own in. A time that cannot be (a clock that was never set) is
replaced by the business time; everything else stays as it came, signed data above all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sitectl.base.units import format_utc
from sitectl.model.transaction import OutboxKind, OutboxMessage, Payload, TransactionStop
from sitectl.ocpp.versions import Version


def start(payload: Payload, started: datetime | None = None) -> OutboxMessage:
    """StartTransaction; `started` where the station's own time cannot be."""
    return _message("StartTransaction", _retimed(payload, started), OutboxKind.START, needs_transaction_id=False)


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
