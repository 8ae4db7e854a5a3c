from sitectl.model.ids import StationId
from sitectl.model.station import KnownStation, StationIdentity
from sitectl.store.opening import Store
from tests.unit.store.conftest import Reopen

CP1 = StationId("CP1")


async def test_a_station_is_remembered_over_a_restart(store: Store, reopen: Reopen) -> None:
    bare = KnownStation(StationId("CP2"), StationIdentity())
    full = KnownStation(
        CP1,
        StationIdentity("Vendor", "Model", "1.2.3", "S/N"),
        boot={"chargePointVendor": "Vendor", "nested": [1, None, "ü"]},
        credential="password:abc",
        configuration={"HeartbeatInterval": "300"},
        ocpp="2.0.1",
    )
    await store.stations.remember(bare)
    await store.stations.remember(full)
    assert await (await reopen()).stations.known() == {CP1: full, StationId("CP2"): bare}


async def test_the_whole_record_replaces_the_old_one(store: Store) -> None:
    await store.stations.remember(KnownStation(CP1, StationIdentity("A"), credential="address:10.0.0.1"))
    newer = KnownStation(CP1, StationIdentity("B"))
    await store.stations.remember(newer)
    assert await store.stations.known() == {CP1: newer}
