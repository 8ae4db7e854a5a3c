"""What must hold at every moment, and what must hold once all links are up and everything has been told.

The numbers are those of the thirty invariants that the ledger keeps. Not here: 23 and 24 (OCPP 2.x), 25 (quotas have
their own tests), 27 (there is one central); 17 and 29 are asked by the rules that could break them. Number 18 is read
so that samples lie between start and stop: what a station kept and tells late keeps its own time among them.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sitectl.base.units import parse_timestamp
from sitectl.store.packing import unpacked
from tests.properties.money_central import Booked, Central, Received
from tests.properties.money_station import Station, Transaction
from tests.properties.money_world import World

Key = tuple[str, str]
"""A message by its action and its meter, which no station shows twice."""


def key(action: str, payload: dict[str, Any]) -> Key:
    if action == "StartTransaction":
        return action, str(payload["meterStart"])
    if action == "StopTransaction":
        return action, str(payload["meterStop"])
    return action, str(payload["meterValue"][0]["sampledValue"][0]["value"])


def at_every_moment(world: World) -> Iterator[str]:
    """Violations that can be seen now."""
    yield from world.violations
    yield from (f"9: {oddity}" for oddity in world.central.oddities)
    yield from _ids(world)
    by_station: dict[str, list[Received]] = defaultdict(list)
    for received in world.central.received:
        by_station[received.station].append(received)
    for station, told in by_station.items():
        yield from _order(world, station, told)
        yield from _repetitions(station, told)
    yield from _attempts(world)
    yield from _times(world)
    yield from _cache(world)


def once_drained(world: World) -> Iterator[str]:
    """Violations that can be seen when nothing waits any more."""
    yield from at_every_moment(world)
    dead = {row[0] for row in world.rows("SELECT DISTINCT transaction_id FROM outbox WHERE state = 'dead'")}
    for row in world.rows(
        "SELECT id, uplink_transaction_id FROM transactions JOIN transaction_uplinks ON id ="
        " transaction_id WHERE start_state NOT IN ('acked', 'dead')"
    ):
        yield f"13: {row} was never told"
    for station in world.stations.values():
        for transaction in station.ledger:
            yield from _booked(world, station, transaction, dead)
    yield from _extras(world)
    ours = world.rows("SELECT count(*) FROM transactions WHERE state = 'open'")[0][0]
    theirs = sum(booked.stop is None for booked in world.central.booked.values())
    if not dead and world.central.deduplicates and ours != theirs:
        yield f"30: {ours} transactions are open here and {theirs} at the central"


# --- at every moment ---


def _ids(world: World) -> Iterator[str]:
    for row in world.rows(
        "SELECT uplink, u.station, uplink_transaction_id, count(*) FROM transaction_uplinks u JOIN transactions t"
        " ON t.id = u.transaction_id WHERE t.state = 'open' AND uplink_transaction_id IS NOT NULL"
        " GROUP BY 1, 2, 3 HAVING count(*) > 1"
    ):
        yield f"3: two transactions run under one id of the central: {row}"
    for received in world.central.received:
        id = received.payload.get("transactionId")
        if id not in (None, -1) and id not in world.central.given.get(received.station, ()):
            yield f"7: {received.station}: the central got the id {id}, which it never gave for this station"


def _order(world: World, station: str, told: list[Received]) -> Iterator[str]:
    """5, 6, 8: what goes up follows what was committed, and a transaction begins with its start."""
    kept = "SELECT frame FROM raw_frames WHERE station = ? AND transaction_id IS NOT NULL ORDER BY id"
    place = {}
    for n, (frame,) in enumerate(world.rows(kept, station)):
        _, _, action, payload = json.loads(unpacked(frame))
        place.setdefault(key(action, payload), n)
    first_told = list(dict.fromkeys(key(one.action, one.payload) for one in told))
    places = [place[one] for one in first_told if one in place]
    if places != sorted(places):
        committed = sorted(place, key=place.__getitem__)
        yield f"8: {station}: told in the order {first_told}, committed in the order {committed}"
    begun: set[int] = set()
    for one in told:
        id = one.payload.get("transactionId")
        if one.action == "StartTransaction":
            begun |= {b.id for b in world.central.booked.values() if b.start == one.payload and b.station == station}
        elif id != -1 and id not in begun:
            yield f"6: {station}: {one.action} of {id} went up before its start"


def _repetitions(station: str, told: list[Received]) -> Iterator[str]:
    """10: the same message is the same text."""
    texts: dict[Key, str] = {}
    for one in told:
        if texts.setdefault(key(one.action, one.payload), one.text) != one.text:
            yield f"10: {station}: {one.text} was {texts[key(one.action, one.payload)]} before"


def _attempts(world: World) -> Iterator[str]:
    """12: only what a central refuses, or leaves unanswered on a live connection, counts as an attempt."""
    if world.central.blamed == 0:
        for row in world.rows("SELECT seq, action, attempts, reason FROM outbox WHERE attempts > 0"):
            yield f"12: an attempt was counted though nobody refused anything: {row}"


def _times(world: World) -> Iterator[str]:
    latest = world.now() + timedelta(seconds=61)
    for booked in world.central.booked.values():
        start = _moment(booked.start)
        samples = [_moment(value) for sample in booked.samples for value in sample["meterValue"] if not _signed(value)]
        stop = None if booked.stop is None else _moment(booked.stop)
        if any(sample < start for sample in samples) or (stop is not None and stop < max([start, *samples])):
            yield f"18: transaction {booked.id} is told out of time: {start}, {samples}, {stop}"
        if max([start, *samples, *([stop] if stop is not None else [])]) > latest:
            yield f"18: transaction {booked.id} is told ahead of time"
        if booked.stop is not None and booked.stop["meterStop"] < booked.start["meterStart"]:
            yield f"18: the meter of {booked.id} runs backwards"


def _moment(part: dict[str, Any]) -> Any:
    read = parse_timestamp(part["timestamp"])
    assert read is not None, part
    return read[0]


def _signed(value: dict[str, Any]) -> bool:
    return any(one.get("format") == "SignedData" for one in value["sampledValue"])


def _cache(world: World) -> Iterator[str]:
    given = {(token.lower(), status) for token, status in world.central.verdicts}
    for token, status in world.rows("SELECT id_token, status FROM authorization_cache"):
        if (token.lower(), status) not in given:
            yield f"26: the cache says {status} of {token}, which nobody said"


# --- once drained ---


def _booked(world: World, station: Station, transaction: Transaction, dead: set[str]) -> Iterator[str]:
    """13 to 16, 19, 20, 21: one transaction of a station, in the three ledgers."""
    (start,) = transaction.of("StartTransaction")
    row = world.rows(
        "SELECT id, state, synthetic FROM transactions WHERE station = ? AND meter_start_wh = ?",
        station.id,
        start["meterStart"],
    )
    if len(row) != 1:
        yield f"13: {station.id}: {start} stands {len(row)} times in the ledger"
        return
    id, state, synthetic = row[0]
    yield from _frames(world, station, transaction)
    if id in dead:
        return
    theirs = [
        b
        for b in world.central.booked.values()
        if b.station == station.id and b.start["meterStart"] == start["meterStart"]
    ]
    if not theirs or (world.central.deduplicates and len(theirs) > 1):
        yield f"14: {station.id}: {start} stands {len(theirs)} times at the central"
        return
    if _sure(world, theirs[-1].start) != _sure(world, start):
        yield f"14: {station.id}: {start} became {theirs[-1].start}"
    yield from _stopped(station, transaction, theirs, synthetic)
    yield from _sampled(world, transaction, theirs)
    if transaction.verdict != "Accepted" and state == "open":
        yield f"21: {station.id}: a transaction goes on although its token was refused: {start}"


def _stopped(station: Station, transaction: Transaction, theirs: list[Booked], synthetic: int) -> Iterator[str]:
    stops = transaction.of("StopTransaction")
    told = [booked.stop for booked in theirs if booked.stop is not None]
    if bool(stops) != bool(told) and not synthetic:
        yield f"14: {station.id}: stopped {len(stops)} times here, {len(told)} times at the central"
    if not stops or not told or synthetic:
        return
    reason = told[0]["reason"]
    allowed = {stops[0]["reason"]} | ({"DeAuthorized"} if transaction.token == "BAD" else set())
    if told[0]["meterStop"] != stops[0]["meterStop"] or reason not in allowed:
        yield f"14: {station.id}: {stops[0]} became {told[0]}"
    late_refusal = transaction.token == "BAD" and transaction.verdict == "Accepted" and stops[0]["reason"] == "Remote"
    if late_refusal and reason != "DeAuthorized":
        yield f"21: {station.id}: a refused token ended with {reason}"


def _sure(world: World, part: dict[str, Any]) -> dict[str, Any]:
    """What a central must be told as the station said it: the time too, unless our own clock was ever wrong."""
    signed = "sampledValue" in part and _signed(part)
    if not world.clock_was_wrong or signed:
        return part
    return {name: value for name, value in part.items() if name != "timestamp"}


def _sampled(world: World, transaction: Transaction, theirs: list[Booked]) -> Iterator[str]:
    """14, 20: no value is invented or changed, a signed one least of all."""
    said = {key("MeterValues", payload): payload["meterValue"] for payload in transaction.of("MeterValues")}
    for booked in theirs:
        for sample in booked.samples:
            values = said.get(key("MeterValues", sample), [])
            if [_sure(world, one) for one in values] != [_sure(world, one) for one in sample["meterValue"]]:
                yield f"20: {sample} was never said so"


def _frames(world: World, station: Station, transaction: Transaction) -> Iterator[str]:
    """19: starts and stops are kept as they came, to the byte."""
    for told in transaction.messages:
        if told.action != "MeterValues" and told.answered:
            kept = [world.rows("SELECT 1 FROM raw_frames WHERE frame = ?", frame.encode()) for frame in told.frames]
            if not any(kept):
                yield f"19: {station.id}: no frame of {told.payload} was kept"


def _extras(world: World) -> Iterator[str]:
    """15: a naive central may count a start twice for each answer that was lost."""
    central: Central = world.central
    counts = Counter((b.station, b.start["meterStart"]) for b in central.booked.values())
    extras = sum(count - 1 for count in counts.values())
    if extras > (0 if central.deduplicates else central.lost_answers + world.kills):
        yield f"15: {extras} transactions too many at the central; {central.lost_answers} answers were lost"
