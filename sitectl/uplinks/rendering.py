"""The payload of an outbox row as it goes up: made once, frozen, and sent again identical to the byte.

What a strict central refuses is put right at this door, because only here it is known: its own id of the transaction,
its clock, what its start said of the meter and of the time, and what it concluded of the token. Signed data and the
times in it are never touched.

Nothing of a transaction lies before its start or after the central's present, and its stop lies at or after every
sample. Samples that a station kept and tells late keep their own times, although others have gone before them.

A transaction moves as a whole, because its duration is money: what its start was moved by, all that follows is moved by
too. Cutting each time off at the central's present would make a transaction of an hour out of a backlog last no time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from sitectl.base.units import format_utc, parse_timestamp
from sitectl.model.transaction import AS_STORED, AuthorizationStatus, OutboxItem, OutboxKind, Payload
from sitectl.model.uplink import ZeroId
from sitectl.ocpp.v16 import central_encode, copies
from sitectl.ocpp.v16.copies import is_signed
from sitectl.ocpp.v16.forms import whole
from sitectl.uplinks.thinning import EVERYTHING, Measured, wanted

AHEAD_S = 60.0
"""A time stamp may be this far ahead of the central's clock; some refuse those of their future."""

BEHIND_S = 30.0
"""A central's clock that lags more than this behind ours is reckoned with from a start on; what lags less, or drifts so
far while the transaction runs, `AHEAD_S` makes up for."""

ROUNDED_S = 2.0
"""What whole seconds make of a time is no move."""


class Rendered(NamedTuple):
    """What goes up, and the newest moment of the transaction that it tells of (None: none that counts)."""

    payload: Payload
    newest: datetime | None


def is_nameless(item: OutboxItem) -> bool:
    """Whether a message belongs to a transaction that its central refused and gave no id."""
    refused = item.verdict not in (None, AuthorizationStatus.ACCEPTED)
    unnamed = item.uplink_transaction_id is None and not item.start_dead
    return item.message.needs_transaction_id and refused and unnamed


def rendered(
    item: OutboxItem,
    central_now: datetime,
    zero_id: ZeroId = ZeroId.MINUS_ONE,
    measured: Measured = EVERYTHING,
    our_now: datetime | None = None,
) -> Rendered | None:
    """The payload of a row, for a central whose clock shows `central_now`; None: it wants nothing of it, or these are
    meter values without a value.

    `our_now`: what our own clock shows meanwhile, where it is known.
    """
    message = item.message
    wished = wanted(message.payload, message.kind, measured)
    if wished is None:
        return None
    times = _Times(item, central_now, our_now)
    payload = times.put_right(wished)
    if message.kind is OutboxKind.START:
        payload = copies.reservation_of(payload, item.uplink)
    elif message.kind is OutboxKind.STOP:
        payload = _stop(item, payload)
    if not message.needs_transaction_id:
        return Rendered(central_encode.presentable(message.action, payload), times.newest)
    bound = None if item.start_dead else item.uplink_transaction_id
    if is_nameless(item) and zero_id is ZeroId.SEND_ZERO:
        bound = "0"
    told = central_encode.with_transaction(message.action, payload, bound)
    if message.kind is OutboxKind.METER and "meterValue" not in told:
        return None
    return Rendered(told, times.newest)


def as_stored(item: OutboxItem) -> Payload:
    """The payload of a row with nothing put right but the central's id bound in: what most meter values go up as."""
    bound = None if item.start_dead else item.uplink_transaction_id
    return central_encode.with_transaction(item.message.action, item.message.payload, bound)


def frozen(item: OutboxItem, text: str) -> str:
    """What is kept of the text of a row, so that it can be said again to the byte: most meter values need no copy."""
    plain = item.message.kind is OutboxKind.METER and not is_nameless(item)
    return AS_STORED if plain and orjson.dumps(as_stored(item)).decode() == text else text


def thawed(item: OutboxItem) -> str | None:
    """The text as it went up before; None: it never did."""
    return orjson.dumps(as_stored(item)).decode() if item.rendered == AS_STORED else item.rendered


def _stop(item: OutboxItem, payload: Payload) -> Payload:
    """A meter never runs backwards; and a stop that we ordered because this central refused the token says so."""
    meter_wh, began_wh = whole(payload.get("meterStop")), item.meter_start_wh
    if meter_wh is not None and began_wh is not None and meter_wh < began_wh:
        payload = {**payload, "meterStop": began_wh}
    if item.deauthorized and payload.get("reason") == "Remote":
        payload = {**payload, "reason": "DeAuthorized"}
    return payload


def _moved(item: OutboxItem, behind: timedelta) -> timedelta:
    """What all times of a transaction are moved by: as its start was; the start, by what the central is behind."""
    if item.told_start is not None and item.started is not None:
        by = item.told_start - item.started
        return by if abs(by.total_seconds()) >= ROUNDED_S else timedelta(0)
    return -behind if behind.total_seconds() > BEHIND_S else timedelta(0)


class _Times:
    """The times of one message, between what its transaction allows."""

    def __init__(self, item: OutboxItem, central_now: datetime, our_now: datetime | None) -> None:
        self._moved = _moved(item, timedelta(0) if our_now is None else our_now - central_now)
        self._latest = central_now + timedelta(seconds=AHEAD_S)
        self._central_now = central_now
        self._start = item.told_start
        self._last = item.told_last if item.message.kind is OutboxKind.STOP else None
        self.newest: datetime | None = None

    def put_right(self, payload: Payload) -> Payload:
        """The same with every time where it may be."""
        for key in ("meterValue", "transactionData"):
            values = payload.get(key)
            if isinstance(values, list):
                right = [self._part(value, self._start) for value in values]
                if any(new is not old for new, old in zip(right, values, strict=True)):
                    payload = {**payload, key: right}
        bounds = [moment for moment in (self._start, self._last, self.newest) if moment is not None]
        right_payload: Payload = self._part(payload, max(bounds, default=None))
        return right_payload

    def _part(self, part: Any, earliest: datetime | None) -> Any:
        if not isinstance(part, dict) or not isinstance(stamp := part.get("timestamp"), str) or is_signed(part):
            return part
        read = parse_timestamp(stamp)
        if read is None:
            return part
        moment = read[0] if not self._moved else (read[0] + self._moved).replace(microsecond=0)
        moment = moment if moment <= self._latest else self._central_now
        if earliest is not None and moment < earliest:
            moment = earliest if not earliest.microsecond else earliest.replace(microsecond=0) + timedelta(seconds=1)
        self.newest = moment if self.newest is None else max(self.newest, moment)
        return part if moment == read[0] else {**part, "timestamp": format_utc(moment)}
