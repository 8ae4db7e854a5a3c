"""What a person wants of one station: a reset, an unlocked plug, a look at its configuration or a change of it.

All of it passes the one door, where centrals and healing see it. What would end a running transaction is refused until
the person says that it may; what would let a start pass us by, or tell a secret, is refused altogether.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sitectl.model.commands import (
    Answered,
    Command,
    GetVariables,
    Outcome,
    ResetKind,
    SetVariable,
    UnlockConnector,
    Urgency,
    in_words,
)
from sitectl.model.ids import EvseId, StationId
from sitectl.ocpp.v16 import decode
from sitectl.ocpp.v16.configuration import KeyClass, bars_starts, key_class
from sitectl.stations.book import Book
from sitectl.stations.outbound import Guard
from sitectl.stations.ports import Journal

BEGUN = "a car has begun to charge there meanwhile"


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a station answered, in its own word; it said yes."""

    status: str


@dataclass(frozen=True, slots=True)
class NotOrdered:
    """Why it was not done. `unknown`: there is no such station or EVSE; `invalid`: it cannot be asked of any."""

    why: str
    unknown: bool = False
    invalid: bool = False


@dataclass(frozen=True, slots=True)
class Configuration:
    """Keys of a station: value and whether it is read-only. `unknown`: those that it does not know.

    `live`: it was asked now; else this is what was read before.
    """

    values: Mapping[str, tuple[str, bool]]
    unknown: Sequence[str] = ()
    live: bool = True


class Door(Protocol):
    """The way to the stations."""

    async def execute(
        self, station: StationId, command: Command, urgency: Urgency, by: str = "", guard: Guard | None = None
    ) -> Outcome:
        """Queue a command and wait for its outcome. `guard`: just before it leaves, why it must not, "" when it may."""


class Resetting(Protocol):
    """Where every reset is ordered."""

    async def order(self, station: StationId, kind: ResetKind, by: str, guard: Guard | None = None) -> Outcome:
        """Reset a station; what came of it."""


class StationOrders:
    """`book` knows what runs and what was read before."""

    def __init__(self, book: Book, door: Door, resets: Resetting, journal: Journal) -> None:
        self._book = book
        self._door = door
        self._resets = resets
        self._journal = journal

    async def reset(self, station: StationId, kind: ResetKind, by: str, *, force: bool = False) -> Ordered | NotOrdered:
        """Reset it; `force`: also while a car charges there, which ends its transaction."""
        if (refused := self._refusal(station)) is not None:
            return refused
        if not force and self._book.running_ids(station):
            return NotOrdered("a car charges there, and its transaction would end; wait for it, or say --force")
        self._note("station.reset_ordered", station, by, {"kind": kind.value})
        guard = None if force else lambda: BEGUN if self._book.running_ids(station) else ""
        return _told(await self._resets.order(station, kind, by, guard))

    async def unlock(self, evse: EvseId, by: str, *, force: bool = False) -> Ordered | NotOrdered:
        """Release its plug; `force`: also while a car charges there, which ends its transaction."""
        if (refused := self._refusal(evse.station, evse.evse)) is not None:
            return refused
        if not force and self._book.running(evse):
            return NotOrdered("a car charges there, and its transaction would end; stop it first, or say --force")
        self._note("station.unlock_ordered", evse.station, by, {}, evse.evse)
        guard = None if force else lambda: BEGUN if self._book.running(evse) else ""
        return _told(await self._door.execute(evse.station, UnlockConnector(evse), Urgency.STOP, by=by, guard=guard))

    async def read(self, station: StationId, keys: Sequence[str] = ()) -> Configuration | NotOrdered:
        """Ask it for these keys, or all; of one that is away, what was read before. Secrets are left out."""
        if (refused := self._refusal(station, online=False)) is not None:
            return refused
        if not self._book.online(station):
            known = self._book.configuration(station)
            wanted = {key.lower() for key in keys}
            return Configuration(
                _shown({k: v for k, v in known.items() if not keys or k.lower() in wanted}), live=False
            )
        outcome = await self._door.execute(station, GetVariables(station, tuple(keys)), Urgency.CONTROL)
        if not isinstance(outcome, Answered):
            return NotOrdered(in_words(outcome))
        told = decode.configuration(outcome.payload).value
        self._book.learn(station, told.values)
        return Configuration(_shown(told.values), sorted(told.unknown))

    async def write(self, station: StationId, key: str, value: str, by: str) -> Ordered | NotOrdered:
        """Write one key."""
        if (refused := self._refusal(station)) is not None:
            return refused
        if key_class(key) is KeyClass.CREDENTIAL:
            why = f"{key} is how the station proves itself: change it there, then its password_file here"
            return NotOrdered(why, invalid=True)
        if not bars_starts(key, value):
            why = f"{key}={value} would let cars start without sitectl, which could not keep the fuse then"
            return NotOrdered(why, invalid=True)
        self._note("station.configuration_ordered", station, by, {"key": key, "value": value})
        told = _told(await self._door.execute(station, SetVariable(station, key, value), Urgency.CONTROL, by=by))
        if isinstance(told, Ordered) and told.status == "Accepted":
            self._book.learn(station, {key: (value, False)})
        return told

    def _refusal(self, station: StationId, evse: int = 0, *, online: bool = True) -> NotOrdered | None:
        record = self._book.records.get(station)
        if record is None or record.quarantined:
            return NotOrdered(f"no station {station!r} here; `sitectl stations` lists them", unknown=True)
        if evse and evse not in record.evses():
            return NotOrdered(f"{station} has no EVSE {evse}; `sitectl stations {station}` shows them", unknown=True)
        if online and record.present is None:
            return NotOrdered(f"{station} is offline; check its power and network")
        return None

    def _note(self, type: str, station: StationId, by: str, data: Mapping[str, str], evse: int | None = None) -> None:
        self._journal.record(type, station, evse, {"by": by, **data})


def _told(outcome: Outcome) -> Ordered | NotOrdered:
    if isinstance(outcome, Answered) and outcome.accepted:
        return Ordered(outcome.status)
    return NotOrdered(f"it was not done: {in_words(outcome)}")


def _shown(values: Mapping[str, tuple[str, bool]]) -> Mapping[str, tuple[str, bool]]:
    return {key: value for key, value in values.items() if key_class(key) is not KeyClass.CREDENTIAL}
