from dataclasses import replace

from sitectl.base.clock import SystemClock
from sitectl.config.settings import MeterSettings
from sitectl.meters.polling import open_buses
from sitectl.model.ids import MeterId
from tests.unit.meters.sheet_files import sheet


def test_meters_of_one_endpoint_share_a_bus() -> None:
    clock = SystemClock()
    first = MeterSettings(MeterId("a"), sheet("janitza-umg604"), "10.0.0.5", 502, 1)
    meters = [
        first,
        replace(first, id=MeterId("b"), unit=2, sheet=sheet("eastron-sdm630")),
        replace(first, id=MeterId("c"), port=503),
    ]
    assert set(open_buses(meters, clock)) == {("10.0.0.5", 502), ("10.0.0.5", 503)}
