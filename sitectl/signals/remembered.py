"""How contacts stood, over a restart: what held before goes on to hold until they are read again."""

from __future__ import annotations

import logging

from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.model.signals import Contact, Signal
from sitectl.signals.ports import OverlayStore

log = logging.getLogger(__name__)

KIND = "signal"
SOURCE = "measured"


class RememberedContacts:
    """The contact of each signal as it counted last, for the input that it was read at."""

    def __init__(self, overlay: OverlayStore, tasks: Tasks) -> None:
        self._overlay = overlay
        self._tasks = tasks
        self._contacts: dict[str, dict[str, str]] = {}
        """What counts in this process, on disk or not."""

    def of(self, signal: Signal) -> Contact:
        """How it stood; lost where nobody knows."""
        entry = self._overlay.of(KIND).get(signal.name)
        value = self._contacts.get(signal.name, entry.value if entry is not None else None)
        if not isinstance(value, dict) or value.get("input") != str(signal.input):
            return Contact.LOST
        try:
            return Contact(value["contact"])
        except (KeyError, ValueError):
            return Contact.LOST

    def note(self, signal: Signal, contact: Contact) -> None:
        """It counts from now on; never waits for the disk."""
        value = {"input": str(signal.input), "contact": contact.value}
        if self._contacts.get(signal.name) != value:
            self._contacts[signal.name] = value
            self._tasks.spawn(self._keep(signal.name, value), f"signal {signal.name}")

    async def _keep(self, name: str, value: dict[str, str]) -> None:
        try:
            await self._overlay.keep(KIND, name, value, source=SOURCE)
        except EnvironmentFault as fault:
            log.warning("signal %s is %s, which is not on disk: %s", name, value["contact"], fault)
