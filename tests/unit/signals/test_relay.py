"""A relay box in memory on virtual time."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from sitectl.base.clock import LoopClock
from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.fieldbus.bus import DISCRETE, Fault, ReadFailed
from sitectl.fieldbus.memory import MemoryBus
from sitectl.model.events import CeilingCleared, CeilingSet, Event
from sitectl.model.ids import CircuitId
from sitectl.model.signals import Bound, ModbusInput, Signal
from sitectl.signals.door import Door
from sitectl.signals.inputs import ModbusContact
from sitectl.signals.relay import RelaySource
from sitectl.site.memory import MemoryJournal

CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
GONE = ReadFailed(Fault.SILENT, "unit 1 did not answer")
DIM = Signal("dso", ModbusInput("relay-box", 3), when_open=Bound(CircuitId("grid"), 18.0))
BOTH = Signal("dso", ModbusInput("relay-box", 3), Bound(CircuitId("grid"), 18.0), Bound(CircuitId("garage"), 40.0))
OPEN, CLOSED = 0, 1


class Rig:
    """One signal on a relay box, and the ceilings that hold."""

    def __init__(self, signal: Signal = DIM) -> None:
        self.bus = MemoryBus({(1, DISCRETE): {3: CLOSED}}, CLOCK)
        self.journal = MemoryJournal()
        self.holds: dict[str, tuple[str | None, float]] = {}
        self.source = RelaySource(signal, ModbusContact(self.bus, 1, DISCRETE, 3), 0.5, self.journal, CLOCK)
        self.tasks = Tasks()
        self.tasks.spawn(self.source.run(Door(self, self.journal, CLOCK)), "signal")

    def post(self, event: Event) -> None:
        if isinstance(event, CeilingSet):
            self.holds[event.ceiling.key] = (event.ceiling.circuit, event.ceiling.ceiling_a)
        elif isinstance(event, CeilingCleared):
            del self.holds[event.key]

    def show(self, value: int) -> None:
        self.bus.images[1, DISCRETE][3] = value

    @property
    def contacts(self) -> list[tuple[str, str]]:
        return [(d["contact"], d.get("why", "")) for type, _, _, d in self.journal.entries if type == "signal.changed"]


def run(main: Coroutine[Any, Any, None]) -> None:
    run_virtual(main)


def test_an_open_contact_bounds_the_circuit_until_it_is_closed_again() -> None:
    async def main() -> None:
        rig = Rig()
        await asyncio.sleep(2.0)
        assert rig.holds == {}
        rig.show(OPEN)
        await asyncio.sleep(1.2)
        assert rig.holds == {"signal dso/open": ("grid", 18.0)}
        rig.show(CLOSED)
        await asyncio.sleep(1.2)
        assert rig.holds == {}
        assert rig.contacts == [("closed", ""), ("open", ""), ("closed", "")]
        await rig.tasks.cancel_all()

    run(main())


def test_a_relay_box_that_vanishes_counts_as_dimmed_and_is_told_with_the_reason() -> None:
    async def main() -> None:
        rig = Rig()
        await asyncio.sleep(2.0)
        rig.bus.failure = GONE
        await asyncio.sleep(9.0)
        assert rig.holds == {}, "one that is away for a moment is not lost"
        assert list(rig.source.findings()) == []
        await asyncio.sleep(2.0)
        assert rig.holds == {"signal dso/open": ("grid", 18.0)}
        assert rig.contacts[-1] == ("lost", "unit 1 did not answer")
        [(what, where, do)] = rig.source.findings()
        assert where == "signal dso"
        assert "modbus:relay-box:3 is lost, which counts as dimmed" in what
        assert "Check the relay box" in do
        view = rig.source.view()
        assert (view.contact, view.why, view.asks) == ("lost", "unit 1 did not answer", (DIM.when_open,))
        rig.bus.failure = None
        await asyncio.sleep(2.0)
        assert rig.holds == {}
        assert list(rig.source.findings()) == []
        await rig.tasks.cancel_all()

    run(main())


def test_a_box_that_was_never_there_counts_as_dimmed_too() -> None:
    async def main() -> None:
        rig = Rig()
        rig.bus.failure = GONE
        await asyncio.sleep(11.0)
        assert rig.holds == {"signal dso/open": ("grid", 18.0)}
        await rig.tasks.cancel_all()

    run(main())


def test_with_a_bound_for_either_state_a_lost_contact_asks_for_both() -> None:
    async def main() -> None:
        rig = Rig(BOTH)
        await asyncio.sleep(2.0)
        assert rig.holds == {"signal dso/closed": ("garage", 40.0)}
        rig.show(OPEN)
        await asyncio.sleep(2.0)
        assert rig.holds == {"signal dso/open": ("grid", 18.0)}
        rig.bus.failure = GONE
        await asyncio.sleep(12.0)
        assert rig.holds == {"signal dso/open": ("grid", 18.0), "signal dso/closed": ("garage", 40.0)}
        await rig.tasks.cancel_all()

    run(main())
