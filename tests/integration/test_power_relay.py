"""A relay on a real Modbus server cuts a station off and feeds it again, whatever comes between."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyModbusTCP.server import DataBank, ModbusServer

from sitectl.base.clock import SystemClock
from sitectl.base.tasks import Tasks, spawn
from sitectl.config.load import Broken, Loaded, load
from sitectl.daemon.field import Field
from sitectl.model.commands import Answered, NotSent, Refused, Unanswered
from sitectl.model.ids import StationId
from sitectl.signals.power_relay import KIND
from sitectl.site.memory import MemoryJournal, MemoryOverlay
from sitectl.store.opening import open_store
from tests.integration.test_modbus import free_port, until
from tests.unit.stations.twins import Inbox
from tests.unit.store.builders import compose_stop

ROOT = Path(__file__).parents[2]
CLOCK = SystemClock()
CP = StationId("CP01")
SITE = """
site: {{data_dir: data}}
ocpp: {{listen: "127.0.0.1:0"}}
api: {{socket: sock}}
circuits:
  grid: {{rated_a: 100, base_load_worst_a: 40}}
stations:
  CP01: {{circuit: grid, max_a: 16, phases: L1L2L3, power_relay: {{coil: "modbus:box:{number}", off_s: {off_s}{more}}}}}
io_boxes:
  box: {{connection: "tcp://127.0.0.1:{port}", unit: 1}}
"""


class Watched(DataBank):  # type: ignore[misc]
    """Notes what was written; `stuck`: writes are answered and change nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck = False
        self.written: list[tuple[int, bool]] = []

    def set_coils(self, address: int, bits: list[bool], srv_info: object = None) -> object:
        if srv_info is not None:
            self.written.append((address, bits[0]))
            if self.stuck:
                return True
        return super().set_coils(address, bits, srv_info)


@pytest.fixture
def box() -> Iterator[tuple[Watched, int, ModbusServer]]:
    bank, port = Watched(), free_port()
    bank.set_coils(3, [True])
    server = ModbusServer("127.0.0.1", port, no_block=True, data_bank=bank)
    server.start()
    yield bank, port, server
    server.stop()


def configured(folder: Path, port: int, off_s: float = 1.0, number: int = 3, more: str = "") -> Loaded:
    path = folder / "site.yaml"
    path.write_text(SITE.format(port=port, off_s=off_s, number=number, more=more))
    loaded = load(path)
    assert isinstance(loaded, Loaded), loaded
    return loaded


@asynccontextmanager
async def field(loaded: Loaded, overlay: Any, journal: MemoryJournal) -> AsyncIterator[Field]:
    made = Field(
        Inbox(),
        journal,
        CLOCK,
        lambda group, name, room: spawn(group, _run(room), name),
        lambda: None,
        overlay,
        Tasks(),
    )
    async with asyncio.TaskGroup() as group:
        made.take(group, loaded.settings)
        try:
            yield made
        finally:
            made.stop()


async def _run(room) -> None:  # type: ignore[no-untyped-def]
    await room()


async def test_off_a_while_on_and_read_back(box: tuple[Watched, int, ModbusServer], tmp_path: Path) -> None:
    bank, port, _ = box
    journal = MemoryJournal()
    store = MemoryOverlay(CLOCK.wall)
    async with field(configured(tmp_path, port), store, journal) as here:
        assert here.feeds(CP)
        began = CLOCK.monotonic()
        cycling = asyncio.ensure_future(here.power_cycle(CP))
        await until(lambda: bank.get_coils(3) == [False])
        assert store.of(KIND)[CP].value == {"coil": "modbus:box:3", "normally_closed": False}
        assert isinstance(await here.power_cycle(CP), NotSent), "one at a time"
        assert await cycling == Answered("Accepted", {"off_s": 1.0})
        assert CLOCK.monotonic() - began >= 1.0
        assert bank.get_coils(3) == [True]
        assert bank.written == [(3, False), (3, True)]
        assert store.of(KIND) == {}
        assert [entry[0] for entry in journal.entries] == ["station.power_off", "station.power_on"]
        assert isinstance(await here.power_cycle(StationId("CP99")), NotSent)


async def test_where_the_coil_cuts_while_it_is_on(box: tuple[Watched, int, ModbusServer], tmp_path: Path) -> None:
    bank, port, _ = box
    bank.set_coils(3, [False])
    store = MemoryOverlay(CLOCK.wall)
    async with field(configured(tmp_path, port, more=", normally_closed: true"), store, MemoryJournal()) as here:
        assert isinstance(await here.power_cycle(CP), Answered)
        assert bank.written == [(3, True), (3, False)]


async def test_who_stops_waiting_does_not_stop_it(box: tuple[Watched, int, ModbusServer], tmp_path: Path) -> None:
    bank, port, _ = box
    store = MemoryOverlay(CLOCK.wall)
    async with field(configured(tmp_path, port), store, MemoryJournal()) as here:
        cycling = asyncio.ensure_future(here.power_cycle(CP))
        await until(lambda: bank.get_coils(3) == [False])
        cycling.cancel()
        await until(lambda: bank.get_coils(3) == [True])
        await until(lambda: not store.of(KIND))


async def test_it_is_fed_before_the_line_is_let_go_of(box: tuple[Watched, int, ModbusServer], tmp_path: Path) -> None:
    bank, port, _ = box
    store = MemoryOverlay(CLOCK.wall)
    async with field(configured(tmp_path, port, off_s=300), store, MemoryJournal()) as here:
        cycling = asyncio.ensure_future(here.power_cycle(CP))
        await until(lambda: bank.get_coils(3) == [False])
    assert bank.get_coils(3) == [True], "the daemon ended, and the pause of five minutes with it"
    assert isinstance(await cycling, Answered)
    assert store.of(KIND) == {}


async def test_a_coil_that_does_not_follow_is_told(box: tuple[Watched, int, ModbusServer], tmp_path: Path) -> None:
    """Its answer says that it was written; what is read back says that it was not."""
    bank, port, _ = box
    bank.stuck = True
    store = MemoryOverlay(CLOCK.wall)
    async with field(configured(tmp_path, port), store, MemoryJournal()) as here:
        outcome = await here.power_cycle(CP)
        assert outcome == Refused("NotSwitched", "the coil still reads on")
        assert store.of(KIND) == {}


async def test_a_line_that_dies_in_between_is_tried_until_it_is_back(
    box: tuple[Watched, int, ModbusServer], tmp_path: Path
) -> None:
    bank, port, server = box
    store = MemoryOverlay(CLOCK.wall)
    async with field(configured(tmp_path, port), store, MemoryJournal()) as here:
        cycling = asyncio.ensure_future(here.power_cycle(CP))
        await until(lambda: bank.get_coils(3) == [False])
        server.stop()
        assert isinstance(await cycling, Unanswered)
        ((what, where, do),) = here.findings()
        assert where == CP
        assert "modbus:box:3" in what
        assert "bridge the relay" in do
        again = ModbusServer("127.0.0.1", port, no_block=True, data_bank=bank)
        again.start()
        try:
            await until(lambda: bank.get_coils(3) == [True])
            await until(lambda: not list(here.findings()))
        finally:
            again.stop()


async def test_what_was_switched_off_under_another_configuration_is_switched_on(
    box: tuple[Watched, int, ModbusServer], tmp_path: Path
) -> None:
    bank, port, _ = box
    bank.set_coils(3, [False])
    bank.set_coils(5, [True])
    overlay = MemoryOverlay(CLOCK.wall)
    await overlay.keep(KIND, CP, {"coil": "modbus:box:3", "normally_closed": False}, source="power relay")
    await overlay.keep(KIND, "CP77", {"coil": "modbus:gone:1", "normally_closed": False}, source="power relay")
    journal = MemoryJournal()
    async with field(configured(tmp_path, port, number=5), overlay, journal) as here:
        await until(lambda: bank.get_coils(3) == [True])
        await until(lambda: CP not in overlay.of(KIND))
        assert bank.written == [(3, True)]
        assert [entry[0] for entry in journal.entries] == ["station.power_on"]
        ((what, where, _),) = here.findings()
        assert (where, "modbus:gone:1" in what) == ("CP77", True)


def test_two_stations_on_one_relay_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    text = SITE.format(port=502, off_s=1, number=3, more="")
    path.write_text(
        text.replace("  CP01:", '  CP02: {circuit: grid, max_a: 16, power_relay: {coil: "modbus:box:3"}}\n  CP01:')
    )
    broken = load(path)
    assert isinstance(broken, Broken)
    assert "stations.CP02 hangs on the same relay" in str(broken.errors[0])
    path.write_text(text.replace("modbus:box:3", "modbus:bax:3"))
    broken = load(path)
    assert isinstance(broken, Broken)
    assert 'no I/O box "bax"; did you mean "box"?' in str(broken.errors[0])
    path.write_text(text.replace("modbus:box:3", "gpio:gpiochip0:3"))
    broken = load(path)
    assert isinstance(broken, Broken)
    assert "is no coil" in str(broken.errors[0])


KILLED = """
import asyncio, sys
from pathlib import Path
from random import Random
from sitectl.config.load import load
from sitectl.store.opening import open_store
from tests.integration.test_power_relay import CLOCK, CP, MemoryJournal, field

async def main(folder):
    store = await open_store(folder / "store.db", CLOCK, Random(1), None)
    async with field(load(folder / "site.yaml"), store.overlay, MemoryJournal()) as here:
        await here.power_cycle(CP)

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_killed_in_between_it_is_fed_by_the_next_start(
    box: tuple[Watched, int, ModbusServer], tmp_path: Path
) -> None:
    bank, port, _ = box
    loaded = configured(tmp_path, port, off_s=300)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT)
    try:
        await until(lambda: bank.get_coils(3) == [False])
    finally:
        process.kill()
        process.wait()
    await asyncio.sleep(0.2)
    assert bank.get_coils(3) == [False], "nobody is there to switch it on"
    store = await open_store(tmp_path / "store.db", CLOCK, Random(1), compose_stop)
    journal = MemoryJournal()
    async with field(loaded, store.overlay, journal):
        await until(lambda: bank.get_coils(3) == [True])
        await until(lambda: not store.overlay.of(KIND))
        assert [entry[0] for entry in journal.entries] == ["station.power_on"]
    await store.close()
