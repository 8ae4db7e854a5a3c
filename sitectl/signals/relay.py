"""A relay contact that bounds what may be drawn: a grid operator's dimming (§ 14a EnWG), a fire alarm, a transfer
switch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from sitectl.base.clock import Clock
from sitectl.model.health import Finding
from sitectl.model.limits import Ceiling
from sitectl.model.signals import Contact, Signal, SignalView
from sitectl.signals.contact import Debounced
from sitectl.signals.inputs import ContactReader
from sitectl.signals.ports import CeilingDoor, Journal
from sitectl.signals.remembered import RememberedContacts

log = logging.getLogger(__name__)

CHATTERS = "it is now open, now closed, and never for long enough to count"


class RelaySource:
    """One signal. Meets `CeilingSource`."""

    def __init__(
        self,
        signal: Signal,
        reader: ContactReader,
        interval_s: float,
        remembered: RememberedContacts,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._signal = signal
        self._reader = reader
        self._interval_s = interval_s
        self._remembered = remembered
        self._journal = journal
        self._clock = clock
        self._contact: Contact | None = None
        self._held = Contact.LOST
        self._since: datetime | None = None
        self._why = ""

    @property
    def name(self) -> str:
        """As the source of its ceilings."""
        return f"signal {self._signal.name}"

    @property
    def worst(self) -> Sequence[Ceiling]:
        """All that it could ask for."""
        return self._ceilings(Contact.LOST, f"its contact is {Contact.LOST}")

    def findings(self) -> Sequence[Finding]:
        """That the contact is lost."""
        if self._contact is not Contact.LOST:
            return ()
        do = "Check the relay box, its cable and its power. Until it is heard again, what it could ask for holds."
        what = f"The input {self._signal.input} is lost, which counts as dimmed: {self._why}"
        return [(what, self.name, do)]

    def view(self) -> SignalView:
        """As it stands."""
        contact, why = self._contact, self._why if self._contact is Contact.LOST else ""
        asks = self._signal.asks(self._held if contact is None else contact)
        return SignalView(self._signal.name, str(self._signal.input), contact, self._since, why, asks)

    def resume(self, door: CeilingDoor) -> None:
        """Ask for what held before, until the contact was read for long enough; where nobody knows, for all."""
        held = self._held = self._remembered.of(self._signal)
        before = "" if held is Contact.LOST else f", and was {held}"
        text = f"its contact is not read yet{before}"
        door.ask(self.name, self._ceilings(held, text), f"its input {self._signal.input} is not read yet{before}")

    async def run(self, door: CeilingDoor) -> None:
        """Read the contact once an interval, for ever."""
        debounced = Debounced(self._signal.debounce_s, self._clock.monotonic())
        while True:
            read = await self._reader.read()
            now = self._clock.monotonic()
            if isinstance(read, str):
                self._why = read
                debounced.missed(now)
            else:
                debounced.read(read, now)
                if debounced.chatters(now):
                    self._why = CHATTERS
            if debounced.contact is not None:
                self._is(debounced.contact, door)
            await asyncio.sleep(self._interval_s)

    def _is(self, contact: Contact, door: CeilingDoor) -> None:
        if contact is not self._contact:
            self._contact, self._since = contact, self._clock.wall()
            why = self._why if contact is Contact.LOST else ""
            data = {"signal": self._signal.name, "input": str(self._signal.input), "contact": contact.value}
            self._journal.record("signal.changed", data=data | ({"why": why} if why else {}))
            log.info("signal %s is %s%s", self._signal.name, contact, f": {why}" if why else "")
            self._remembered.note(self._signal, contact)
        reason = f"its input {self._signal.input} is {contact}"
        door.ask(self.name, self._ceilings(contact, f"its contact is {contact}"), reason)

    def _ceilings(self, contact: Contact, text: str) -> tuple[Ceiling, ...]:
        """A lost contact asks for both bounds, which may lie on two circuits."""
        return tuple(
            Ceiling(
                key=f"{self.name}/{'open' if bound is self._signal.when_open else 'closed'}",
                source=self.name,
                ceiling_a=bound.ceiling_a,
                circuit=bound.circuit,
                text=text,
            )
            for bound in self._signal.asks(contact)
        )
