"""A ceiling that was set from outside outlives the process, on the real store."""

from __future__ import annotations

from pathlib import Path

from sitectl.config.load import Loaded, load
from sitectl.daemon.process import Daemon
from sitectl.model.ids import CircuitId, EvseId, StationId
from sitectl.site.ceilings import Bounded

SITE = """
site: {name: depot, data_dir: data}
ocpp: {listen: "127.0.0.1:0", security_profile: 0}
circuits:
  grid: {rated_a: 100, base_load_worst_a: 40}
  garage: {parent: grid, rated_a: 40}
stations:
  CP01: {circuit: garage, max_a: 32, phases: L1L2L3}
authorization: {mode: free}
"""
ON_GARAGE, ON_CP01 = Bounded(circuit=CircuitId("garage")), Bounded(evse=EvseId(StationId("CP01"), 1))


async def test_a_ceiling_outlives_the_process_until_it_is_withdrawn(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    loaded = load(path)
    assert isinstance(loaded, Loaded)
    async with Daemon(loaded, lambda adopted: loaded).opened() as rooms:
        await rooms.ceilings.set(ON_GARAGE, 20.0, 3600.0, "anna")
        await rooms.ceilings.set(ON_CP01, 10.0, None, "bert")
        before = rooms.site.state.ceilings
    async with Daemon(loaded, lambda adopted: loaded).opened() as rooms:
        kept = rooms.site.state.ceilings
        assert {key: (c.ceiling_a, c.source) for key, c in kept.items()} == {
            "told/circuit/garage": (20.0, "anna"),
            "told/evse/CP01/1": (10.0, "bert"),
        }
        was, now = before["told/circuit/garage"].expires_at, kept["told/circuit/garage"].expires_at
        assert was is not None
        assert now is not None
        assert abs(now - was) < 0.1, "the time that nobody ran counts"
        assert rooms.site.decision is not None, "the first decision knows of it"
        assert rooms.site.decision.shares[CircuitId("garage")].ceiling_a == (20.0, 20.0, 20.0)
        await rooms.ceilings.clear(ON_GARAGE, "anna")
    async with Daemon(loaded, lambda adopted: loaded).opened() as rooms:
        assert set(rooms.site.state.ceilings) == {"told/evse/CP01/1"}
