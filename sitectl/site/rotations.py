"""Where first phases were found to be wired, over a restart."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.model.electrical import Phase
from sitectl.model.events import Event, RotationLearned
from sitectl.model.ids import EvseId
from sitectl.site.ports import Journal, OverlayStore
from sitectl.site.rungs import evse_of, key_of
from sitectl.state.site_state import SiteState

log = logging.getLogger(__name__)

KIND = "rotation"


class RotationKeeper:
    """Writes down what is learned, forgets what proved wrong, and says the rest again after a restart."""

    def __init__(
        self, post: Callable[[Event], None], overlay: OverlayStore, clock: Clock, tasks: Tasks, journal: Journal
    ) -> None:
        self._post = post
        self._overlay = overlay
        self._clock = clock
        self._tasks = tasks
        self._journal = journal
        self._seen: dict[EvseId, Phase | None] = {}

    def resume(self, site: Callable[[], SiteState]) -> None:
        """Say what is kept. What the configuration says of an EVSE comes first."""
        for key, entry in self._overlay.of(KIND).items():
            evse, first = evse_of(key), _phase(entry.value)
            held = site().evses.get(evse) if evse is not None else None
            if evse is None or held is None or first is None:
                log.warning("what is kept of the wiring of %s is of nothing that is installed here", key)
            elif not held.plan.rotation.known:
                self._post(RotationLearned(evse, self._clock.monotonic(), first))
        self._seen = {id: evse.first_phase for id, evse in site().evses.items()}

    def look(self, state: SiteState) -> None:
        """Write down what is new."""
        for id, evse in state.evses.items():
            first = evse.first_phase
            if self._seen.get(id) == first:
                continue
            self._seen[id] = first
            type = "evse.wiring_forgotten" if first is None else "evse.wiring_learned"
            self._journal.record(type, id.station, id.evse, {} if first is None else {"l1": first.name})
            self._tasks.spawn(self._write(id, first), f"wiring of {id}")

    async def _write(self, id: EvseId, first: Phase | None) -> None:
        try:
            if first is None:
                await self._overlay.forget(KIND, key_of(id))
            else:
                await self._overlay.keep(KIND, key_of(id), {"first": first.name}, source="measured")
        except EnvironmentFault as fault:
            log.warning("%s: where its first phase is wired is not on disk: %s", id, fault)


def _phase(value: Any) -> Phase | None:
    name = value.get("first") if isinstance(value, dict) else None
    return Phase[name] if isinstance(name, str) and name in Phase.__members__ else None
