"""A relay box on Modbus TCP, made by somebody else, and the site behind it: from the contact to the chain of `why`."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyModbusTCP.server import DataBank, ModbusServer

from sitectl.allocator.rules import SharingRules
from sitectl.allocator.why import why
from sitectl.base.clock import SystemClock
from sitectl.base.tasks import Tasks, spawn
from sitectl.config.load import Loaded, load
from sitectl.daemon.field import Field
from sitectl.model.ids import EvseId, StationId
from sitectl.site.memory import MemoryActuator, MemoryJournal, MemoryLimits, MemoryOverlay
from sitectl.site.owner import Site
from sitectl.state.site_state import SiteRules, initial_state
from tests.integration.test_modbus import free_port, until

CLOCK = SystemClock()
SITE = """
circuits:
  grid: {{rated_a: 100, base_load_worst_a: 40}}
stations:
  CP01: {{circuit: grid, max_a: 16, phases: L1L2L3}}
io_boxes:
  relay-box: {{connection: "tcp://127.0.0.1:{port}", unit: 1, inputs: {inputs}, interval_s: 0.1}}
signals:
  dso: {{input: "modbus:relay-box:4", when_open: {{circuit: grid, ceiling_a: 18}}, debounce_s: 0.1}}
"""


@pytest.fixture
def box() -> Iterator[tuple[DataBank, int]]:
    bank, port = DataBank(), free_port()
    server = ModbusServer("127.0.0.1", port, no_block=True, data_bank=bank)
    server.start()
    yield bank, port
    server.stop()


@pytest.mark.parametrize("inputs", ["discrete", "coils"])
async def test_a_contact_bounds_a_circuit_and_the_chain_says_so(
    inputs: str, box: tuple[DataBank, int], tmp_path: Path
) -> None:
    bank, port = box
    show = bank.set_discrete_inputs if inputs == "discrete" else bank.set_coils
    show(4, [True])
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(port=port, inputs=inputs))
    loaded = load(path)
    assert isinstance(loaded, Loaded), loaded
    journal = MemoryJournal()
    state = initial_state(loaded.settings.topology, SiteRules(meter_intervals_s={}), CLOCK.monotonic())
    site = Site(state, SharingRules(), CLOCK, MemoryActuator(), MemoryLimits(), journal)
    field = Field(
        site,
        journal,
        CLOCK,
        lambda group, name, room: spawn(group, _run(room), name),
        lambda: None,
        MemoryOverlay(CLOCK.wall),
        Tasks(),
    )
    async with asyncio.TaskGroup() as group:
        field.take(group, loaded.settings)
        await until(lambda: any(data.get("contact") == "closed" for _, _, _, data in journal.entries))
        assert site.state.ceilings == {}
        show(4, [False])
        await until(lambda: bool(site.state.ceilings))
        decision = site.cycle()
        chain = why(site.state.topology, decision.snapshot, decision.allocation, EvseId(StationId("CP01"), 1))
        assert [(view.name, view.contact) for view in field.signals()] == [("dso", "open")]
        texts = [step["text"] for step in chain if step["step"] == "ceiling"]
        assert texts == ["signal dso allows circuit grid 18 A: its contact is open"]
        assert next(iter(decision.shares.values())).ceiling_a == (18.0, 18.0, 18.0)
        show(4, [True])
        await until(lambda: not site.state.ceilings)
        show(4, [False])
        await until(lambda: bool(site.state.ceilings))
        field.take(group, replace(loaded.settings, signals={}))
        assert site.state.ceilings == {}, "what is no longer configured asks for nothing"
        field.stop()


async def _run(room) -> None:  # type: ignore[no-untyped-def]
    await room()
