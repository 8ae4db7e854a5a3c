"""The one door for ceilings of signals. Each change goes to the site and, with its reason, into the journal."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from sitectl.base.clock import Clock
from sitectl.model.events import CeilingCleared, CeilingSet
from sitectl.model.limits import Ceiling
from sitectl.signals.ports import Journal, SiteInbox

log = logging.getLogger(__name__)


class Door:
    """Remembers what each source asked for last. Meets `CeilingDoor`."""

    def __init__(self, inbox: SiteInbox, journal: Journal, clock: Clock) -> None:
        self._inbox = inbox
        self._journal = journal
        self._clock = clock
        self._asked: dict[str, dict[str, Ceiling]] = {}

    def ask(self, source: str, ceilings: Sequence[Ceiling], why: str) -> None:
        """See `CeilingDoor.ask`. What holds already is not said again."""
        before = self._asked.get(source, {})
        after = {ceiling.key: ceiling for ceiling in ceilings}
        now = self._clock.monotonic()
        for key in before.keys() - after.keys():
            self._inbox.post(CeilingCleared(key, now))
            self._note("ceiling.cleared", before[key], why)
        for key, ceiling in after.items():
            if before.get(key) != ceiling:
                self._inbox.post(CeilingSet(ceiling, now))
                self._note("ceiling.set", ceiling, why)
        self._asked[source] = after

    def keep_only(self, sources: Collection[str]) -> None:
        """Withdraw what others asked for: they are no longer configured."""
        for source in [each for each in self._asked if each not in sources]:
            self.ask(source, (), "it is no longer configured")
            del self._asked[source]

    def _note(self, type: str, ceiling: Ceiling, why: str) -> None:
        log.info("%s: %g A on circuit %s by %s: %s", type, ceiling.ceiling_a, ceiling.circuit, ceiling.source, why)
        data = {"source": ceiling.source, "circuit": ceiling.circuit, "ceiling_a": ceiling.ceiling_a, "why": why}
        self._journal.record(type, data=data)
