"""What is kept for years, wired: energy as it is counted, and what is asked of the ledger and of copies of it."""

from __future__ import annotations

from collections.abc import Callable

from sitectl.api.history import History
from sitectl.api.overview import SiteOverview
from sitectl.base.clock import Clock
from sitectl.config.settings import Settings
from sitectl.daemon.backups import Backups
from sitectl.site.energy import EnergyKeeper
from sitectl.site.owner import Site
from sitectl.stations.stations import zone_of
from sitectl.store.opening import Store
from sitectl.store.upkeep import Upkeep
from sitectl.uplinks.ports import Time


def energy_keeper(site: Site, store: Store, time: Time, clock: Clock) -> EnergyKeeper:
    """What counts the energy of a site."""
    return EnergyKeeper(lambda: site.state, store.energy, clock, lambda: time.known)


def history_of(store: Store, upkeep: Upkeep, overview: SiteOverview, settings: Callable[[], Settings]) -> History:
    """What may be asked of it."""
    backups = Backups(settings().site.data_dir, store.stamp, overview.effective_configuration, overview.wall)
    return History(upkeep.energy, upkeep.transactions, backups, lambda: zone_of(settings()))
