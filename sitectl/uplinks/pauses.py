"""Centrals that a person has paused: nothing is sent to them, and what they have not heard waits in the outbox.

A pause has an end, and is kept over a restart: maintenance of a central does not end because a gateway restarts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from sitectl.base.clock import Clock
from sitectl.model.ids import UplinkId
from sitectl.uplinks.ports import Journal

KIND = "uplink_pause"
LONGEST_S = 7 * 86_400.0


class Kept(Protocol):
    """One entry of the overlay."""

    @property
    def source(self) -> str:
        """Who said it."""

    @property
    def expires(self) -> datetime | None:
        """Until when it holds."""


class OverlayStore(Protocol):
    """What was told at run time."""

    def of(self, kind: str) -> Mapping[str, Kept]:
        """Everything of a kind that holds now, by key."""

    def keep(self, kind: str, key: str, value: Any, *, source: str, expires: datetime | None = None) -> Awaitable[None]:
        """Keep a value; raises EnvironmentFault where the disk takes nothing."""

    def forget(self, kind: str, key: str) -> Awaitable[None]:
        """Forget one; as `keep`."""


class Pausable(Protocol):
    """The centrals."""

    def pause(self, id: UplinkId, by: str, why: str) -> bool:
        """Let go of one; False: there is none of that name."""

    def resume(self, id: UplinkId, by: str) -> bool:
        """Dial it again, unless another has paused it too; False: there is none of that name."""


class Pauses:
    """The door for people. `look` is called now and then: it begins what a restart forgot, and ends what lapsed."""

    def __init__(self, pool: Pausable, overlay: OverlayStore, clock: Clock, journal: Journal) -> None:
        self._pool = pool
        self._overlay = overlay
        self._clock = clock
        self._journal = journal
        self._paused: set[str] = set()

    async def pause(self, id: UplinkId, for_s: float, by: str) -> datetime:
        """Pause a central for so long; until when. Raises EnvironmentFault, and then nothing has changed."""
        until = self._clock.wall() + timedelta(seconds=min(for_s, LONGEST_S))
        await self._overlay.keep(KIND, id, True, source=by, expires=until)
        self._journal.record("uplink.paused", data={"uplink": id, "by": by, "for_s": for_s})
        self.look()
        return until

    async def resume(self, id: UplinkId, by: str) -> bool:
        """End a pause now; whether there was one."""
        if id not in self._overlay.of(KIND):
            return False
        await self._overlay.forget(KIND, id)
        self._journal.record("uplink.resumed", data={"uplink": id, "by": by})
        self.look()
        return True

    def until(self, id: UplinkId) -> datetime | None:
        """Until when a central is paused; None: it is not."""
        entry = self._overlay.of(KIND).get(id)
        return None if entry is None else entry.expires

    def look(self) -> None:
        """Bring the centrals in line with what was said."""
        wanted = self._overlay.of(KIND)
        for id in self._paused - wanted.keys():
            self._pool.resume(UplinkId(id), KIND)
        for id, entry in wanted.items():  # each time: one that a reload has made anew knows nothing of it
            self._pool.pause(UplinkId(id), KIND, f"paused by {entry.source}")
        self._paused = set(wanted)
