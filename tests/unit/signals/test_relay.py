"""A relay box in memory on virtual time."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from sitectl.base.clock import LoopClock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.fieldbus.bus import DISCRETE, Fault, ReadFailed
from sitectl.fieldbus.memory import MemoryBus
from sitectl.model.events import CeilingCleared, CeilingSet, Event
from sitectl.model.ids import CircuitId
from sitectl.model.signals import Bound, Contact, ModbusInput, Signal
from sitectl.signals.door import Door
from sitectl.signals.inputs import ModbusContact
from sitectl.signals.relay import RelaySource
from sitectl.signals.remembered import KIND, RememberedContacts
from sitectl.site.memory import MemoryJournal, MemoryOverlay

CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
GONE = ReadFailed(Fault.SILENT, "unit 1 did not answer")
DIM = Signal("dso", ModbusInput("relay-box", 3), when_open=Bound(CircuitId("grid"), 18.0))
BOTH = Signal("dso", ModbusInput("relay-box", 3), Bound(CircuitId("grid"), 18.0), Bound(CircuitId("garage"), 40.0))
OPEN, CLOSED = 0, 1


class Rig:
    """One signal on a relay box, and the ceilings that hold. `disk`: what is on it from a life before this one."""

    def __init__(self, signal: Signal = DIM, disk: MemoryOverlay | None = None, silent: bool = False) -> None:
        self.bus = MemoryBus({(1, DISCRETE): {3: CLOSED}}, CLOCK)
        self.journal = MemoryJournal()
        self.holds: dict[str, tuple[str | None, float]] = {}
        self.bus.failure = GONE if silent else None
        self.tasks = Tasks()
        self.remembered = RememberedContacts(disk or MemoryOverlay(CLOCK.wall), self.tasks)
        reader = ModbusContact(self.bus, 1, DISCRETE, 3)
        self.source = RelaySource(signal, reader, 0.5, self.remembered, self.journal, CLOCK)
        door = Door(self, self.journal, CLOCK)
        self.source.resume(door)
        self.tasks.spawn(self.source.run(door), "signal")

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


def test_an_input_that_was_never_read_counts_as_dimmed_from_the_first_moment() -> None:
    async def main() -> None:
        rig = Rig(silent=True)
        assert rig.holds == {"signal dso/open": ("grid", 18.0)}
        assert (rig.source.view().contact, rig.source.view().asks) == (None, (DIM.when_open,))
        await asyncio.sleep(11.0)
        assert rig.holds == {"signal dso/open": ("grid", 18.0)}
        assert rig.source.view().contact == "lost"
        await rig.tasks.cancel_all()

    run(main())


async def lived(disk: MemoryOverlay, value: int, signal: Signal = DIM) -> None:
    """A life in which the contact stood so."""
    rig = Rig(signal, disk)
    rig.show(value)
    await asyncio.sleep(2.0)
    await rig.tasks.cancel_all()


def test_what_held_before_a_restart_holds_until_the_input_is_read() -> None:
    async def main() -> None:
        disk = MemoryOverlay(CLOCK.wall)
        for value, held in ((OPEN, {"signal dso/open": ("grid", 18.0)}), (CLOSED, {})):
            await lived(disk, value)
            rig = Rig(DIM, disk, silent=True)
            assert rig.holds == held
            await asyncio.sleep(9.0)
            assert rig.holds == held
            await asyncio.sleep(2.0)
            assert rig.holds == {"signal dso/open": ("grid", 18.0)}, "it is lost by now"
            await rig.tasks.cancel_all()

    run(main())


def test_an_input_that_was_lost_before_a_restart_dims_after_it() -> None:
    async def main() -> None:
        disk = MemoryOverlay(CLOCK.wall)
        await lived(disk, CLOSED)
        gone = Rig(DIM, disk, silent=True)
        await asyncio.sleep(12.0)
        await gone.tasks.cancel_all()
        rig = Rig(DIM, disk, silent=True)
        assert rig.holds == {"signal dso/open": ("grid", 18.0)}
        await rig.tasks.cancel_all()

    run(main())


def test_what_was_read_at_another_input_says_nothing_of_this_one() -> None:
    async def main() -> None:
        disk = MemoryOverlay(CLOCK.wall)
        await lived(disk, CLOSED)
        moved = Signal("dso", ModbusInput("relay-box", 5), when_open=Bound(CircuitId("grid"), 18.0))
        rig = Rig(moved, disk, silent=True)
        assert rig.holds == {"signal dso/open": ("grid", 18.0)}
        await rig.tasks.cancel_all()

    run(main())


def test_a_disk_that_takes_nothing_does_not_hold_up_the_signal_nor_is_it_believed_before_what_was_read() -> None:
    async def main() -> None:
        disk = MemoryOverlay(CLOCK.wall)
        await lived(disk, CLOSED)
        disk.fault = EnvironmentFault("the disk is full")
        rig = Rig(DIM, disk)
        rig.show(OPEN)
        await asyncio.sleep(2.0)
        assert rig.holds == {"signal dso/open": ("grid", 18.0)}
        assert rig.remembered.of(DIM) is Contact.OPEN
        await rig.tasks.cancel_all()

    run(main())


@pytest.mark.parametrize(
    "kept", [None, 7, {}, {"input": "modbus:relay-box:3"}, {"input": str(DIM.input), "contact": "?"}]
)
def test_rubbish_on_the_disk_counts_as_not_known(kept: Any) -> None:
    async def main() -> None:
        disk = MemoryOverlay(CLOCK.wall)
        await disk.keep(KIND, "dso", kept, source="test")
        assert RememberedContacts(disk, Tasks()).of(DIM) is Contact.LOST

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
