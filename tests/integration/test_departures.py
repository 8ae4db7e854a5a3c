"""A departure that was said outlives the process, on the real store."""

from __future__ import annotations

from pathlib import Path

from sitectl.config.load import Loaded, load
from sitectl.daemon.process import Daemon
from sitectl.model.ids import EvseId, StationId
from tests.integration.test_ceilings import SITE

CP01 = EvseId(StationId("CP01"), 1)


async def test_a_departure_outlives_the_process_until_it_is_withdrawn(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    loaded = load(path)
    assert isinstance(loaded, Loaded)
    async with Daemon(loaded, lambda adopted: loaded).opened() as rooms:
        await rooms.departures.set(CP01, None, 7200.0, 20.0, "anna")
        before = rooms.site.state.evses[CP01].wish
    async with Daemon(loaded, lambda adopted: loaded).opened() as rooms:
        kept = rooms.site.state.evses[CP01].wish
        assert before is not None
        assert kept is not None
        assert (kept.energy_wh, kept.source) == (20_000.0, "anna")
        assert abs(kept.departs_at - before.departs_at) < 0.1, "the time that nobody ran counts"
        await rooms.departures.clear(CP01, "anna")
    async with Daemon(loaded, lambda adopted: loaded).opened() as rooms:
        assert rooms.site.state.evses[CP01].wish is None
