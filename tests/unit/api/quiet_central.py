"""The central of the quiet site: CP01 stands there, CP02 does not."""

from sitectl.model.ids import StationId, UplinkId
from sitectl.stations.orders import NotOrdered
from sitectl.uplinks.trials import CentralTrial, LegTrial

CP01, CP02 = StationId("CP01"), StationId("CP02")


class Centrals:
    """One central: CP01 stands there, CP02 does not."""

    def __init__(self) -> None:
        self.paused: set[UplinkId] = set()

    async def test(self, id: UplinkId, id_token: str | None = None) -> CentralTrial:
        legs = {CP01: LegTrial("accepted", "", 4.2, asked=True), CP02: LegTrial("refused", "401")}
        return CentralTrial(legs, None if id_token is None else "Accepted")

    def pause(self, id: UplinkId, by: str, why: str) -> bool:
        self.paused.add(id)
        return True

    def resume(self, id: UplinkId, by: str) -> bool:
        self.paused.discard(id)
        return True


class Passwords:
    """CP01 takes a new one; nobody else is there."""

    async def renew(self, station: StationId, by: str) -> str | NotOrdered:
        return "5ec2e7" if station == CP01 else NotOrdered("no such station", unknown=True)
