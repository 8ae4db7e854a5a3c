"""Meters over real sockets: an independent Modbus server, and a peer that breaks every rule."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from pyModbusTCP.server import DataBank, ModbusServer

from sitectl.base.clock import SystemClock
from sitectl.base.tasks import Tasks
from sitectl.config.settings import MeterSettings
from sitectl.fieldbus.bus import Fault, ReadFailed, Registers
from sitectl.fieldbus.buses import Buses
from sitectl.fieldbus.modbus import ModbusTcpLink
from sitectl.fieldbus.queued import QueuedBus
from sitectl.meters.poller import MeterPoller
from sitectl.meters.polling import run_meters, tenants
from sitectl.model.connection import TcpConnection
from sitectl.model.events import Event, MeterFailed, MeterRead
from sitectl.model.ids import MeterId
from sitectl.model.metering import MeterReading
from tests.integration import modbus_stub as stubs
from tests.integration.modbus_stub import Behaviour, ModbusStub
from tests.unit.meters.facts import SUNNY_NOON, as_counted, facts, image
from tests.unit.meters.sheet_files import USABLE, sheet

NAME = "janitza-umg604"
SIGNED_A = (41.25, -12.5, 0.75)  # exact in 32-bit floats
CLOCK = SystemClock()
RECOVERY_S = 30.0  # it takes 5 s; a machine with other work may add to that
TIMEOUT_S = 0.15

MISBEHAVIOURS = {
    "silence": stubs.silence,
    "close_at_once": stubs.close_at_once,
    "half_frame": stubs.half_frame,
    "close_in_mid_frame": stubs.close_in_mid_frame,
    "short": stubs.short,
    "long": stubs.long,
    "other_function": stubs.other_function,
    "foreign_transaction": stubs.foreign_transaction,
    "wrong_unit": stubs.wrong_unit,
    "byte_count_too_large": stubs.byte_count_too_large,
    "unknown_function": stubs.unknown_function,
    "no_modbus": stubs.no_modbus,
    "flood": stubs.flood,
    "late": stubs.late(2 * TIMEOUT_S),
    "exception_2": stubs.exception(2),
    "exception_4": stubs.exception(4),
    "exception_6": stubs.exception(6),
    "exception_11": stubs.exception(11),
}


class Inbox:
    """Keeps what was posted and lets a test wait for the next of a kind."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._posted = asyncio.Event()

    def post(self, event: Event) -> None:
        self.events.append(event)
        self._posted.set()

    @property
    def readings(self) -> list[MeterReading]:
        return [event.reading for event in self.events if isinstance(event, MeterRead)]

    async def next(self, kind: type[MeterRead] | type[MeterFailed], meter: str = "main") -> Event:
        """The first such event posted from now on, within the time a meter may take to recover."""
        seen = len(self.events)
        async with asyncio.timeout(RECOVERY_S):
            while True:
                for event in self.events[seen:]:
                    of = event.reading.meter if isinstance(event, MeterRead) else getattr(event, "meter", None)
                    if isinstance(event, kind) and of == meter:
                        return event
                self._posted.clear()
                await self._posted.wait()


def settings(port: int, name: str = NAME, *, meter: str = "main", unit: int = 1) -> MeterSettings:
    return MeterSettings(MeterId(meter), sheet(name), TcpConnection("127.0.0.1", port), unit, interval_s=0.05)


@asynccontextmanager
async def opened(port: int, timeout_s: float = TIMEOUT_S) -> AsyncIterator[QueuedBus]:
    """A bus, as a rule with a time-out short enough for a test."""
    tasks = Tasks()
    bus = QueuedBus("meter", ModbusTcpLink("127.0.0.1", port, CLOCK, timeout_s), CLOCK)
    tasks.spawn(bus.run(), "bus")
    try:
        yield bus
    finally:
        await tasks.cancel_all()


@asynccontextmanager
async def running(*meters: MeterSettings) -> AsyncIterator[Inbox]:
    """The meters of a site as the daemon runs them."""
    inbox, tasks = Inbox(), Tasks()
    buses = Buses(tenants(meters, {meter.id for meter in meters}), CLOCK)
    tasks.spawn(buses.run(), "buses")
    tasks.spawn(run_meters({meter.id: meter for meter in meters}, buses, inbox, CLOCK), "meters")
    try:
        yield inbox
    finally:
        await tasks.cancel_all()


@asynccontextmanager
async def polling(port: int) -> AsyncIterator[Inbox]:
    """One poller on a bus with a short time-out."""
    inbox, tasks = Inbox(), Tasks()
    async with opened(port) as bus:
        tasks.spawn(MeterPoller(settings(port), bus, inbox, CLOCK).run(), "meter")
        try:
            yield inbox
        finally:
            await tasks.cancel_all()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(RECOVERY_S):
        while not condition():
            await asyncio.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server() -> Iterator[tuple[DataBank, int]]:
    bank, port = DataBank(), free_port()
    independent = ModbusServer("127.0.0.1", port, no_block=True, data_bank=bank)
    independent.start()
    yield bank, port
    independent.stop()


def load(bank: DataBank, name: str, changed: dict[str, float]) -> None:
    (function,) = {fact.function for fact in facts(name).values()}
    write = bank.set_holding_registers if function == 3 else bank.set_input_registers
    for address, word in image(name, {**SUNNY_NOON, **changed}).items():
        assert write(address, [word])


FIRST = ("eastron-sdm630", "janitza-umg604", "carlo-gavazzi-em24-e1")
SAMPLED = ("abb-b23", "chint-dtsu666-ct", "huawei-sun2000", "kostal-ksem", "legrand-emdx3", "solaredge-meter")


@pytest.mark.parametrize("name", FIRST)
async def test_the_first_sheets_read_everything_from_an_independent_server(
    name: str, server: tuple[DataBank, int]
) -> None:
    bank, port = server
    load(bank, name, {})
    async with running(settings(port, name)) as inbox:
        await inbox.next(MeterRead)
        reading = inbox.readings[0]
        assert reading.current_a == pytest.approx(SIGNED_A)
        assert reading.voltage_v == pytest.approx((231.5, 229.0, 230.5))
        assert reading.power_w == pytest.approx(6810.5)
        assert reading.frequency_hz == pytest.approx(50.0)
        assert reading.import_wh == pytest.approx(123_456_000)
        assert reading.export_wh == pytest.approx(7_890_000)

        load(bank, name, {"l1_current": 60.5, "l2_power": 2850.0})
        async with asyncio.timeout(RECOVERY_S):
            while inbox.readings[-1].current_a != pytest.approx((60.5, 12.5, 0.75)):
                await inbox.next(MeterRead)  # a poll was under way


@pytest.mark.parametrize(
    "name", [*SAMPLED, *(pytest.param(name, marks=pytest.mark.full) for name in USABLE if name not in SAMPLED)]
)
async def test_each_shipped_sheet_reads_its_device_from_an_independent_server(
    name: str, server: tuple[DataBank, int]
) -> None:
    bank, port = server
    read = sheet(name)
    load(bank, name, as_counted(read.power_sign, current_signed=read.current_signed))
    directed = read.current_signed or any(quantity.startswith("l2_power") for quantity in read.registers)
    async with running(settings(port, name)) as inbox:
        await inbox.next(MeterRead)
        made = inbox.readings[0]
    assert made.current_a == pytest.approx((41.25, -12.5 if directed else 12.5, 0.75), abs=0.1)
    if made.power_w is not None:
        assert made.power_w == pytest.approx(6810.5, abs=5.0)
    if made.voltage_v is not None:
        assert made.voltage_v == pytest.approx((231.5, 229.0, 230.5), abs=0.5)
    for energy_wh, true_wh in ((made.import_wh, 123_456_000.0), (made.export_wh, 7_890_000.0)):
        assert energy_wh is None or energy_wh == pytest.approx(true_wh, rel=1e-4)


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_a_meter_that_misbehaves_gives_no_wrong_reading_and_is_back_soon(
    behaviour: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    """While it misbehaves the device also shows other values, which must not get through on any way."""
    async with ModbusStub(image(NAME)) as stub, polling(stub.port) as inbox:
        await inbox.next(MeterRead)
        stub.behave = behaviour
        await inbox.next(MeterFailed)
        good = len(inbox.readings)
        stub.image = image(NAME, {**SUNNY_NOON, "l1_current": 1.0})
        for _ in range(3):
            await inbox.next(MeterFailed)
        assert len(inbox.readings) == good
        stub.image = image(NAME)
        stub.behave = stubs.answer
        await inbox.next(MeterRead)
        await inbox.next(MeterRead)
    assert {reading.current_a for reading in inbox.readings} == {SIGNED_A}
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == [], "nothing surfaced elsewhere"


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        (stubs.silence, Fault.SILENT),
        (stubs.close_at_once, Fault.SILENT),
        (stubs.short, Fault.MALFORMED),
        (stubs.long, Fault.MALFORMED),
        (stubs.other_function, Fault.MALFORMED),
        (stubs.unknown_function, Fault.MALFORMED),
        (stubs.exception(2), Fault.SHEET),
        (stubs.exception(4), Fault.DEVICE),
        (stubs.exception(6), Fault.BUSY),
        (stubs.exception(11), Fault.GATEWAY),
    ],
)
async def test_failures_are_told_apart(behaviour: Behaviour, fault: Fault) -> None:
    async with ModbusStub(image(NAME)) as stub, opened(stub.port) as bus:
        stub.behave = behaviour
        failed = await bus.read(1, 3, 19000, 10)
        assert isinstance(failed, ReadFailed)
        assert failed.fault is fault


async def test_an_answer_that_drips_in_is_one() -> None:
    async with ModbusStub(image(NAME)) as stub, polling(stub.port) as inbox:
        stub.behave = stubs.in_pieces
        await inbox.next(MeterRead)
        await inbox.next(MeterRead)
    assert {reading.current_a for reading in inbox.readings} == {SIGNED_A}


async def test_exceptions_keep_the_connection_and_silence_gives_it_up() -> None:
    async with ModbusStub(image(NAME)) as stub, opened(stub.port) as bus:
        for behaviour in (stubs.exception(6), stubs.answer, stubs.silence):
            stub.behave = behaviour
            await bus.read(1, 3, 19000, 2)
            assert stub.connections == 1
        await bus.read(1, 3, 19000, 2)
        assert stub.connections == 2


async def test_a_late_answer_is_nobodys() -> None:
    """The answer to a request of 2 registers comes while another of 2 registers waits."""
    async with ModbusStub({0: 11, 1: 11, 2: 22, 3: 22}) as stub, opened(stub.port, timeout_s=0.5) as bus:
        stub.behave = stubs.late(0.6)
        assert isinstance(await bus.read(1, 3, 0, 2), ReadFailed)
        stub.behave = stubs.late(0.2)
        answer = await bus.read(1, 3, 2, 2)
        assert isinstance(answer, Registers)
        assert answer.words == (22, 22)


async def test_a_caller_that_gives_up_leaves_its_answer_to_nobody() -> None:
    async with ModbusStub({0: 11, 1: 11, 2: 22, 3: 22}) as stub, opened(stub.port, timeout_s=1.0) as bus:
        stub.behave = stubs.late(0.2)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await bus.read(1, 3, 0, 2)
        answer = await bus.read(1, 3, 2, 2)
        assert isinstance(answer, Registers)
        assert answer.words == (22, 22)


async def test_a_meter_without_values_is_unknown_and_never_zero() -> None:
    nan = {address: word for fact in facts(NAME).values() for address, word in enumerate((0x7FC0, 0), fact.address)}
    async with ModbusStub(image(NAME)) as stub, polling(stub.port) as inbox:
        await inbox.next(MeterRead)
        stub.image = nan
        failed = await inbox.next(MeterFailed)
        assert isinstance(failed, MeterFailed)
        assert failed.why == "L1 current is unknown"
        stub.image = dict.fromkeys(nan, 0)
        await inbox.next(MeterFailed)
        stub.image = image(NAME)
        await inbox.next(MeterRead)
    assert {reading.current_a for reading in inbox.readings} == {SIGNED_A}


async def test_a_meter_that_goes_away_and_returns_is_read_again() -> None:
    async with ModbusStub(image(NAME)) as stub, polling(stub.port) as inbox:
        await inbox.next(MeterRead)
        await stub.drop()
        await inbox.next(MeterRead)
        await stub.stop()
        failed = await inbox.next(MeterFailed)
        while isinstance(failed, MeterFailed) and "no connection to" not in failed.why:
            failed = await inbox.next(MeterFailed)
        await stub.start()
        await inbox.next(MeterRead)


async def test_a_meter_that_was_not_there_at_the_start_is_found() -> None:
    stub = ModbusStub(image(NAME))
    stub.port = free_port()
    async with polling(stub.port) as inbox:
        await inbox.next(MeterFailed)
        async with stub:
            await inbox.next(MeterRead)


async def test_a_dead_meter_does_not_delay_another() -> None:
    async with ModbusStub(image(NAME)) as dead, ModbusStub(image(NAME)) as alive:
        dead.behave = stubs.silence
        async with running(settings(dead.port, meter="dead"), settings(alive.port, meter="alive")) as inbox:
            await inbox.next(MeterFailed, "dead")
            await inbox.next(MeterFailed, "dead")
        assert len(inbox.readings) >= 10, "some forty polls lie in the two time-outs of the other"


async def test_a_dead_unit_on_a_shared_bus_leaves_it_to_the_others_and_is_back_soon() -> None:
    async with ModbusStub(image(NAME)) as stub:
        stub.behave = stubs.only_unit(1)
        meters = [settings(stub.port, meter="alive", unit=1), settings(stub.port, meter="dead", unit=2)]
        async with running(*meters) as inbox:
            await inbox.next(MeterFailed, "dead")
            await inbox.next(MeterFailed, "dead")
            asked = sum(request.unit == 2 for request in stub.requests)
            await inbox.next(MeterRead, "alive")
            await inbox.next(MeterFailed, "dead")
            assert sum(request.unit == 2 for request in stub.requests) == asked, "it rests"
            stub.behave = stubs.answer
            await inbox.next(MeterRead, "dead")


@pytest.mark.parametrize("behaviour", [stubs.answer, stubs.silence])
async def test_stops_and_leaves_no_connection(behaviour: Behaviour) -> None:
    async with ModbusStub(image(NAME)) as stub:
        stub.behave = behaviour
        async with running(settings(stub.port)):
            await until(lambda: bool(stub.requests))
        await until(lambda: stub.open_connections == 0)


async def test_stops_when_an_answer_comes_in_the_same_moment() -> None:
    """On Python 3.11 `asyncio.wait_for`, which the library waits with, loses a cancellation that meets its result."""
    stopped = asyncio.Event()

    class StoppedByItsAnswer(ModbusTcpLink):
        def _trace(self, sending: bool, data: bytes) -> bytes:
            if not sending:
                owner.cancel()
                stopped.set()
            return super()._trace(sending, data)

    async with ModbusStub({0: 1}) as stub:
        tasks = Tasks()
        bus = QueuedBus("meter", StoppedByItsAnswer("127.0.0.1", stub.port, CLOCK), CLOCK)
        owner = tasks.spawn(bus.run(), "bus")
        await bus.read(1, 3, 0, 1)
        assert stopped.is_set()
        await until(owner.done)


async def test_a_closed_bus_fails_its_callers_instead_of_keeping_them() -> None:
    async with ModbusStub({0: 1}) as stub:
        stub.behave = stubs.silence
        tasks = Tasks()
        async with opened(stub.port, timeout_s=3600.0) as bus:  # nobody waits for that on the way out
            waiting = [tasks.spawn(bus.read(1, 3, 0, 1), f"caller {n}") for n in range(3)]
            await until(lambda: bool(stub.requests))
        outcomes = [await bus.read(1, 3, 0, 1), *await asyncio.gather(*waiting)]
        assert {outcome.fault for outcome in outcomes if isinstance(outcome, ReadFailed)} == {Fault.UNREACHABLE}
        assert not any(isinstance(outcome, Registers) for outcome in outcomes)
