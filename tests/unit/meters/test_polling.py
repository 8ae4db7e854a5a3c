from dataclasses import replace

from sitectl.config.settings import MeterSettings
from sitectl.fieldbus.buses import Tenant
from sitectl.fieldbus.units import Device
from sitectl.meters.polling import tenants
from sitectl.model.connection import TcpConnection
from sitectl.model.ids import MeterId
from tests.unit.meters.sheet_files import sheet

HERE = TcpConnection("10.0.0.5", 502)


def test_a_bus_is_told_what_each_meter_needs_and_whether_a_fuse_depends_on_it() -> None:
    main = MeterSettings(MeterId("main"), sheet("eastron-sdm630"), HERE, 1)
    spare = replace(main, id=MeterId("spare"), unit=2, sheet=sheet("janitza-umg604"))
    assert list(tenants([main, spare], {MeterId("main")})) == [
        Tenant(HERE, 1, Device(0.1, vital=True)),
        Tenant(HERE, 2, Device(0.0, vital=False)),
    ]
