"""Modbus RTU over a pair of serial ports and raw over TCP: a server by libmodbus, and a peer that breaks every rule."""

import asyncio
import contextlib
import itertools
import random
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sitectl.base.clock import SystemClock
from sitectl.base.tasks import Tasks
from sitectl.fieldbus.bus import COILS, DISCRETE, HOLDING, INPUT, Fault, ReadFailed, Registers
from sitectl.fieldbus.buses import Buses, Tenant, make_bus
from sitectl.fieldbus.queued import QueuedBus
from sitectl.fieldbus.rtu_link import RtuLink
from sitectl.fieldbus.units import Device
from sitectl.fieldbus.wires import SerialWire, TcpWire
from sitectl.model.connection import SerialConnection, TcpConnection
from tests.integration import modbus_stub as stubs
from tests.integration.modbus_stub import Behaviour, ModbusStub, Request, RtuStub
from tests.integration.test_modbus import free_port, until

CLOCK = SystemClock()
SOURCE = Path(__file__).with_name("libmodbus_server.c")
TIMEOUT_S = 0.15
BY_ADDRESS = {address: address for address in range(1000)}

has_libmodbus = pytest.mark.skipif(
    shutil.which("gcc") is None or not Path("/usr/include/modbus/modbus.h").exists(),
    reason="no C compiler with libmodbus: packaging/install-test-tools.sh installs them",
)
has_socat = pytest.mark.skipif(shutil.which("socat") is None, reason="no socat: packaging/install-test-tools.sh")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("libmodbus") / "server"
    subprocess.run(["gcc", "-O1", "-o", str(program), str(SOURCE), "-lmodbus"], check=True, timeout=50)
    return program


@contextlib.contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A program that runs until the end of the block."""
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


@contextlib.contextmanager
def serving(*command: str) -> Iterator[None]:
    with process(*command) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        yield


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """Two serial ports that are connected: ours and the device's."""
    ours, theirs = str(tmp_path / "ours"), str(tmp_path / "theirs")
    with process("socat", f"pty,raw,echo=0,link={ours}", f"pty,raw,echo=0,link={theirs}"):
        await until(lambda: Path(ours).exists() and Path(theirs).exists())
        yield ours, theirs


@asynccontextmanager
async def owned(bus: QueuedBus) -> AsyncIterator[QueuedBus]:
    tasks = Tasks()
    tasks.spawn(bus.run(), "bus")
    try:
        yield bus
    finally:
        await tasks.cancel_all()


def converter(port: int, timeout_s: float = TIMEOUT_S, **options: float) -> QueuedBus:
    """A bus behind a converter that passes on RTU frames, with a time-out short enough for a test."""
    wire = TcpWire(TcpConnection("127.0.0.1", port, rtu=True))
    return QueuedBus("converter", RtuLink("converter", wire, CLOCK, timeout_s=timeout_s), CLOCK, **options)


def serial(device: str, timeout_s: float = TIMEOUT_S) -> QueuedBus:
    """A bus on a serial port, with a time-out short enough for a test."""
    connection = SerialConnection(device)
    link = RtuLink(device, SerialWire(connection), CLOCK, byte_s=connection.byte_s, timeout_s=timeout_s)
    return QueuedBus(device, link, CLOCK)


async def reads_all(bus: QueuedBus) -> None:
    """Every function, from a server that is not ours."""
    for function, first in ((HOLDING, 300), (INPUT, 1300)):
        for count in (1, 2, 18, 125):
            got = await bus.read(7, function, 300, count)
            assert isinstance(got, Registers), got
            assert got.words == tuple(range(first, first + count))
    for function in (COILS, DISCRETE):
        for count in (1, 8, 11):
            got = await bus.read(7, function, 300, count)
            assert isinstance(got, Registers), got
            assert got.words == tuple(n % 2 for n in range(count))
    refused = await bus.read(7, HOLDING, 999, 2)
    assert isinstance(refused, ReadFailed)
    assert refused.fault is Fault.SHEET


@has_libmodbus
async def test_modbus_tcp_from_libmodbus(server: Path) -> None:
    port = free_port()
    with serving(str(server), "tcp", str(port), "7", "0"):
        async with owned(make_bus(TcpConnection("127.0.0.1", port), CLOCK)) as bus:
            await reads_all(bus)


@has_libmodbus
@has_socat
async def test_a_serial_line_from_libmodbus(server: Path, line: tuple[str, str]) -> None:
    ours, theirs = line
    with serving(str(server), "rtu", theirs, "7", "0"):
        async with owned(make_bus(SerialConnection(ours), CLOCK)) as bus:
            await reads_all(bus)
            counts = bus.counts[7]
        assert counts.answered == counts.asked - 1
        assert counts.exceptions == 1


@has_libmodbus
@has_socat
async def test_a_late_answer_on_a_serial_line_is_never_taken_for_another(server: Path, line: tuple[str, str]) -> None:
    """The device answers 450 ms late, three times: later than the time-out, and after the port is open again."""
    ours, theirs = line
    with serving(str(server), "rtu", theirs, "7", "450"):
        async with owned(serial(ours)) as bus:
            outcomes = [await bus.read(7, HOLDING, address, 2) for address in (900, 10, 20, 30, 40, 50, 60)]
    for address, outcome in zip((900, 10, 20, 30, 40, 50, 60), outcomes, strict=True):
        assert isinstance(outcome, ReadFailed) or outcome.words == (address, address + 1)
    assert isinstance(outcomes[1], ReadFailed)
    assert isinstance(outcomes[-1], Registers), "and it is read again"


@has_socat
async def test_a_serial_port_that_cannot_be_used_says_why(line: tuple[str, str], tmp_path: Path) -> None:
    ours, _ = line
    async with owned(serial(ours, timeout_s=30.0)) as bus:
        reading = asyncio.ensure_future(bus.read(1, HOLDING, 0, 2))
        await asyncio.sleep(0.2)
        async with owned(serial(ours)) as second:
            failed = await second.read(1, HOLDING, 0, 2)
            assert isinstance(failed, ReadFailed)
            assert failed.fault is Fault.UNREACHABLE
            assert "in use by another program" in failed.why
    assert isinstance(await reading, ReadFailed)
    async with owned(make_bus(SerialConnection(str(tmp_path / "none")), CLOCK)) as bus:
        failed = await bus.read(1, HOLDING, 0, 2)
        assert isinstance(failed, ReadFailed)
        assert f"there is no {tmp_path / 'none'}: plug the adapter in" in failed.why
    no_port = tmp_path / "file"
    no_port.touch()
    async with owned(make_bus(SerialConnection(str(no_port)), CLOCK)) as bus:
        failed = await bus.read(1, HOLDING, 0, 2)
        assert isinstance(failed, ReadFailed)
        assert "is no serial port" in failed.why


@has_libmodbus
@has_socat
async def test_an_adapter_that_is_pulled_out_and_put_in_again(server: Path, tmp_path: Path) -> None:
    ours, theirs = str(tmp_path / "ours"), str(tmp_path / "theirs")

    @contextlib.contextmanager
    def plugged_in() -> Iterator[None]:
        with process("socat", f"pty,raw,echo=0,link={ours}", f"pty,raw,echo=0,link={theirs}"):
            for _ in range(200):
                if Path(ours).exists() and Path(theirs).exists():
                    break
                time.sleep(0.01)
            with serving(str(server), "rtu", theirs, "7", "0"):
                yield

    async with owned(make_bus(SerialConnection(ours), CLOCK)) as bus:
        with plugged_in():
            assert isinstance(await bus.read(7, HOLDING, 10, 2), Registers)
        Path(ours).unlink(missing_ok=True)
        await asyncio.sleep(0.1)
        failed = await bus.read(7, HOLDING, 10, 2)
        assert isinstance(failed, ReadFailed)
        assert f"there is no {ours}: plug the adapter in" in failed.why
        Path(theirs).unlink(missing_ok=True)
        with plugged_in():
            async with asyncio.timeout(30.0):
                while not isinstance(await bus.read(7, HOLDING, 10, 2), Registers):
                    await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        (stubs.silence, Fault.SILENT),
        (stubs.close_at_once, Fault.SILENT),
        (stubs.half_frame, Fault.CHECKSUM),
        (stubs.close_in_mid_frame, Fault.CHECKSUM),
        (stubs.short, Fault.MALFORMED),
        (stubs.long, Fault.MALFORMED),
        (stubs.other_function, Fault.MALFORMED),
        (stubs.wrong_unit, Fault.MALFORMED),
        (stubs.bad_checksum, Fault.CHECKSUM),
        (stubs.unknown_function, Fault.CHECKSUM),
        (stubs.no_modbus, Fault.CHECKSUM),
        (stubs.flood, Fault.CHECKSUM),
        (stubs.exception(2), Fault.SHEET),
        (stubs.exception(6), Fault.BUSY),
        (stubs.exception(11), Fault.GATEWAY),
    ],
)
async def test_a_peer_that_breaks_the_rules_gives_no_wrong_value_and_is_back_soon(
    behaviour: Behaviour, fault: Fault
) -> None:
    async with RtuStub(BY_ADDRESS) as stub, owned(converter(stub.port)) as bus:
        stub.behave = behaviour
        for _ in range(2):
            failed = await bus.read(1, HOLDING, 100, 10)
            assert isinstance(failed, ReadFailed)
            assert failed.fault is fault
        stub.behave = stubs.answer
        async with asyncio.timeout(30.0):
            while not isinstance(good := await bus.read(1, HOLDING, 100, 10), Registers):
                await asyncio.sleep(0.02)
        assert good.words == tuple(range(100, 110))


@pytest.mark.parametrize("behaviour", [stubs.in_pieces, stubs.echo], ids=["in pieces", "echo"])
async def test_an_answer_in_pieces_or_after_an_echo_is_one(behaviour: Behaviour) -> None:
    async with RtuStub(BY_ADDRESS) as stub, owned(converter(stub.port)) as bus:
        stub.behave = behaviour
        for address in (3, 5, 7):
            got = await bus.read(1, HOLDING, address, 4)
            assert isinstance(got, Registers)
            assert got.words == tuple(range(address, address + 4))


class Line:
    """One serial line behind a converter: answers come one after the other, each late by chance, to whoever is
    connected at that moment."""

    def __init__(self, seed: int, longest_s: float) -> None:
        self._random = random.Random(seed)
        self._longest_s = longest_s
        self._free_at = 0.0
        self._writer: asyncio.StreamWriter | None = None

    async def behave(self, stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        loop = asyncio.get_running_loop()
        late_s = self._random.choice((0.0, 0.0, self._random.uniform(0.0, self._longest_s)))
        self._free_at = max(loop.time(), self._free_at) + late_s
        loop.call_at(self._free_at, self._send, stub.frame(request, stub.registers(request)))

    def _send(self, data: bytes) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(data)


@pytest.mark.parametrize("reads", [150, pytest.param(10_000, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
async def test_late_answers_that_cross_are_never_used(reads: int) -> None:
    """The same length again and again, so that only the guards tell whose answer it is."""
    chance = random.Random(4)
    good = 0
    async with RtuStub(BY_ADDRESS) as stub, owned(converter(stub.port, timeout_s=0.02, first_rest_s=0.0)) as bus:
        stub.behave = Line(5, longest_s=0.06).behave
        for _ in range(reads):
            address = chance.randrange(900)
            outcome = await bus.read(chance.choice((1, 2)), HOLDING, address, 10)
            if isinstance(outcome, Registers):
                good += 1
                assert outcome.words == tuple(range(address, address + 10))
        counts = bus.counts
    assert good > reads // 10
    assert sum(unit.timeouts + unit.malformed for unit in counts.values()) > reads // 10, "it was no easy line"


async def test_bytes_that_nobody_asked_for_are_counted() -> None:
    async with RtuStub(BY_ADDRESS) as stub, owned(converter(stub.port)) as bus:
        stub.behave = stubs.echo
        await bus.read(3, HOLDING, 0, 2)
        assert bus.counts[3].stray_bytes == 9


async def test_devices_get_the_silence_they_want() -> None:
    devices = {1: Device(pause_s=0.0), 2: Device(pause_s=0.15)}
    async with RtuStub(BY_ADDRESS) as stub:
        times: list[float] = []

        async def behave(stub: ModbusStub, request: Request, writer: asyncio.StreamWriter) -> None:
            times.append(CLOCK.monotonic())
            await stubs.answer(stub, request, writer)

        stub.behave = behave
        bus = make_bus(TcpConnection("127.0.0.1", stub.port, rtu=True), CLOCK, devices)
        async with owned(bus):
            for unit in (1, 1, 2, 2, 1):
                await bus.read(unit, HOLDING, 0, 2)
        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert min(gaps[1:]) >= 0.15


async def test_one_owner_an_endpoint_however_many_read_there() -> None:
    async with RtuStub(BY_ADDRESS) as stub:
        here = TcpConnection("127.0.0.1", stub.port, rtu=True)
        buses, tasks = Buses([Tenant(here, 1), Tenant(here, 2)], CLOCK), Tasks()
        tasks.spawn(buses.run(), "buses")
        outcomes = await asyncio.gather(*(buses[here].read(unit, HOLDING, unit, 2) for unit in (1, 2, 1, 2)))
        assert [outcome.words for outcome in outcomes if isinstance(outcome, Registers)] == [(1, 2), (2, 3)] * 2
        assert stub.connections == 1
        await tasks.cancel_all()
        await until(lambda: stub.open_connections == 0)
