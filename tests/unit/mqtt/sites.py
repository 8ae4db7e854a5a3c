"""A small site as the room sees it."""

from pathlib import Path

from sitectl.model.health import Problem
from sitectl.model.ids import EvseId, StationId
from sitectl.model.storage import StoreHealth
from sitectl.model.uplink import UplinkState, UplinkView
from sitectl.mqtt.states import Seen
from tests.unit.api.quiet_site import CENTRAL, CP01, WALL, QuietSite

PROBLEM = Problem("Offline", "CP02", WALL, "Check its power.")


def small_site(directory: Path) -> QuietSite:
    """Everybody is there, CP01 charges."""
    quiet = QuietSite(directory)
    quiet.all_well()
    quiet.charge(EvseId(CP01, 1), 10.0)
    quiet.pass_s(3, 11.0, 12.0, 13.0)
    return quiet


def seen(quiet: QuietSite, *problems: Problem) -> Seen:
    assert quiet.site.decision is not None
    centrals = {CENTRAL: UplinkView(UplinkState.ONLINE, 3)}
    return Seen("depot-north", WALL, quiet.site.state, quiet.site.decision, problems, centrals, StoreHealth())


ODD = StationId("A/B c+#é%")
