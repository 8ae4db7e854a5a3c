"""Three ledgers side by side when everything is drained: the stations', ours, the central's.

Every difference is a sentence; an empty list means that nothing was lost, doubled or invented. What a central may hear
twice is exact: a message whose answer may have been lost is the last one of a connection that broke, so a repeat is
allowed at the beginning of the next connection and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from sitectl.base.units import format_utc
from sitectl.simulator.charge_point import Transaction
from tests.faults.central import Central, CentralTransaction, Heard, content
from tests.faults.station import Station
from tests.faults.wire import Payload


def differences(stations: Sequence[Station], ours: Sequence[Mapping[str, Any]], central: Central) -> list[str]:
    """All that is wrong. `ours` is the answer of GET transactions."""
    found = [*central.oddities]
    for station in stations:
        found += station.refused
        own = [row for row in ours if row["station"] == station.id]
        found += _ours(station, own)
        found += _order(station, central)
        found += _central(station, own, central)
    known = {station.id for station in stations}
    found += [f"{row['station']}: invented {row}" for row in ours if row["station"] not in known]
    return found


# --- stations and ours -----------------------------------------------------------------------------------------------


def _ours(station: Station, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each transaction of the station is one row that says the same, under the id that the station got."""
    by_id = {row["station_id"]: row for row in rows}
    if len(by_id) != len(rows):
        yield f"{station.id}: one id for two transactions: {rows}"
    for transaction in station.point.ledger:
        row = by_id.pop(str(transaction.id), None)
        if row is None:
            yield f"{station.id}: lost {transaction}; there is {rows}"
        elif (expected := _as_row(transaction)) != (here := {key: row[key] for key in expected}):
            yield f"{station.id}: {transaction.id} is {here}, not {expected}"
        elif row["synthetic"] or any(copy["unsent"] or copy["state"] == "dead" for copy in row["uplinks"].values()):
            yield f"{station.id}: {row} is not delivered as it was"
    for row in by_id.values():
        yield f"{station.id}: doubled or invented {row}"


def _as_row(transaction: Transaction) -> dict[str, Any]:
    stopped = transaction.stopped
    return {
        "evse": transaction.connector,
        "id_token": transaction.id_tag,
        "started": format_utc(transaction.started),
        "meter_start_wh": transaction.meter_start_wh,
        "stopped": None if stopped is None else format_utc(stopped),
        "meter_stop_wh": transaction.meter_stop_wh,
        "reason": transaction.reason,
    }


# --- the central -----------------------------------------------------------------------------------------------------


def _order(station: Station, central: Central) -> Iterator[str]:
    """What the central heard is what the station said, in its order; repeats only where an answer may be lost."""
    told = [_key(one) for one in without_repeats(central.heard.get(station.id, []))]
    said = [(said.message.action, content(said.message.payload)) for said in station.said]
    must = [key for key, said in zip(said, station.said, strict=True) if said.must]
    if [key for key in told if key in set(must)] != must:
        missing, extra = Counter(must) - Counter(told), Counter(told) - Counter(said)
        yield f"{station.id}: to the central: missing {missing}, too many {extra}, or not in order: {told}"
    elif (strange := Counter(told) - Counter(said)) != Counter():
        yield f"{station.id}: to the central, never said or said too often: {strange}"


def without_repeats(heard: Sequence[Heard]) -> list[Heard]:
    """Transaction messages, each one once: a repeat right after the connection broke is taken out."""
    kept: list[Heard] = []
    for _, calls in groupby((one for one in heard if one.transactional), lambda one: one.connection):
        first, *others = calls
        if not (kept and kept[-1].connection < first.connection and _same(kept[-1], first)):
            kept.append(first)
        else:
            kept[-1] = first  # the answer to the last one holds
        kept += others
    return kept


def _same(one: Heard, other: Heard) -> bool:
    return one.action == other.action and one.payload == other.payload


def _key(heard: Heard) -> tuple[str, str]:
    return heard.action, content(heard.payload)


def _central(station: Station, rows: Sequence[Mapping[str, Any]], central: Central) -> Iterator[str]:
    """The central's own ledger: one transaction each at a careful one, and at a naive one as many as it caused."""
    held = [one for one in central.transactions.values() if one.station == station.id]
    names = {copy["id"]: row["station_id"] for row in rows for copy in row["uplinks"].values()}
    for transaction in station.point.ledger:
        mine = [one for one in held if _is_start_of(one.start, transaction)]
        extra = _repeated_starts(central.heard.get(station.id, []), transaction)
        if len(mine) != 1 + (0 if central.deduplicates else extra):
            yield f"{station.id}: the central has {len(mine)} of {transaction}, {extra} starts were repeated"
        meant = [one for one in mine if names.get(str(one.id)) == str(transaction.id)]
        if len(meant) != 1:
            yield f"{station.id}: which transaction of the central is {transaction.id}? {names}, {mine}"
        elif transaction.stopped is not None:
            yield from _stopped(station, transaction, meant[0], central)
    if len(held) != sum(any(_is_start_of(one.start, t) for t in station.point.ledger) for one in held):
        yield f"{station.id}: the central has transactions that never were: {held}"


def _is_start_of(start: Payload, transaction: Transaction) -> bool:
    return (start["connectorId"], start["idTag"], start["timestamp"], start["meterStart"]) == (
        transaction.connector,
        transaction.id_tag,
        format_utc(transaction.started),
        transaction.meter_start_wh,
    )


def _repeated_starts(heard: Sequence[Heard], transaction: Transaction) -> int:
    count = sum(one.action == "StartTransaction" and _is_start_of(one.payload, transaction) for one in heard)
    return max(0, count - 1)


def _stopped(station: Station, transaction: Transaction, here: CentralTransaction, central: Central) -> Iterator[str]:
    assert transaction.stopped is not None
    expected = (transaction.meter_stop_wh, format_utc(transaction.stopped), transaction.reason)
    stops = {(stop["meterStop"], stop["timestamp"], stop.get("reason")) for stop in here.stops}
    if stops != {expected} or (central.deduplicates and len(here.stops) != 1):
        yield f"{station.id}: the central stopped {transaction.id} with {here.stops}, not {expected}"
    readings = Counter(content(sample) for sample in here.samples)
    if central.deduplicates and any(times > 1 for times in readings.values()):
        yield f"{station.id}: the central has readings of {transaction.id} twice: {readings}"
