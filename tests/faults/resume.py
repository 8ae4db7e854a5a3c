"""Power is back: the real daemon starts on what a crash left, everybody else goes on from where they were.

Stations and central remember what had been said when the power went: what was acknowledged by then is over, everything
else in the lives of the stations is said, again or for the first time. At the end the three ledgers are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from tests.faults.central import Central
from tests.faults.crash import Crash, put_down
from tests.faults.recording import Frame, Operation
from tests.faults.stage import Stage, at_work, configuration
from tests.faults.station import Said, Station
from tests.faults.wire import CALL, RESULT


async def resumed(
    played: Stage, operations: Sequence[Operation], crash: Crash, folder: Path, *, deduplicates: bool
) -> list[str]:
    """All that is wrong after the daemon has gone on from one crash state. `played`: the life that was recorded."""
    data = folder / "data"
    data.mkdir(parents=True)
    put_down(crash.files, played.folder / "data", data)
    central = Central(deduplicates=deduplicates)
    await central.open()
    here = Stage(folder, central, configuration(folder, central.url))
    past = [one.what for one in operations[: crash.after] if isinstance(one.what, Frame)]
    acknowledged = {(one.station, one.body[1]) for one in past if not one.uplink and one.sent and one.body[0] == RESULT}
    for id, station in played.stations.items():
        _put_back(here.stations[id], station, acknowledged)
    _teach(central, played.central, {one.body[1] for one in past if one.uplink and one.sent and one.body[0] == CALL})
    async with at_work(here):
        try:
            running = await here.start()
            if not running.running:
                return [f"it does not start: {running.log}"]
            for station in here.stations.values():
                station.present.set()
            return await here.verdict()
        except (AssertionError, TimeoutError) as error:
            return [f"{type(error).__name__}: {error}"]


def _put_back(station: Station, before: Station, acknowledged: set[tuple[str, str]]) -> None:
    """Give a station the whole life of another, of which only so much was acknowledged."""
    point = station.point
    point.ledger, messages = deepcopy((before.point.ledger, [said.message for said in before.said]))
    unanswered = set()
    for said, message in zip(before.said, messages, strict=True):
        known = any((station.id, id) in acknowledged for id in said.ids)
        transaction = message.transaction
        if message.action == "StartTransaction" and not known:
            transaction.id = None
            unanswered.add(id_of(transaction))
        if id_of(transaction) in unanswered:
            message.payload.pop("transactionId", None)
        station.said.append(Said(message, said.must, known))
        if not known:
            point.queue.append(message)


def id_of(thing: object) -> int:
    """Which one it is: two transactions may say the same."""
    return id(thing)


def _teach(central: Central, before: Central, sent: set[str]) -> None:
    """Let the central have heard what had left for it."""
    for station, calls in before.heard.items():
        for heard in calls:
            if heard.message_id in sent:
                central.remember(station, replace(heard, connection=1))
