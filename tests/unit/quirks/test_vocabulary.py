"""Every flag is documented, can be written in a sheet, and changes something."""

from sitectl.config.fields import keys_of
from sitectl.config.station_sheet_shape import GROUPS, StationSheetSection
from sitectl.quirks.match import quirks_of
from sitectl.quirks.vocabulary import FLAGS, STANDARD

STATED = {
    "transport.identity": "address",
    "transport.pongs": False,
    "transport.call_timeout_s": 90.0,
    "transport.settle_s": 30.0,
    "transport.calls_before_boot": False,
    "transport.redials": False,
    "transport.connectionless": True,
    "json.wrap": ("meterValue",),
    "json.error_codes": {"Error": "OtherError"},
    "json.units": {"C": "Celsius"},
    "config.keys_per_call": 1,
    "config.measurands": ("Current.Import",),
    "config.sample_interval_s": 30,
    "config.writable": False,
    "config.refused_triggers": ("MeterValues",),
    "config.hard_reset_only": True,
    "config.availability_by_evse": True,
    "tx.stale_ids": True,
    "clock.zone": "none",
    "meter.register": "transaction",
    "meter.register_unit": "kWh",
    "meter.readings": False,
    "limit.steps": ("start_stop",),
    "limit.unit": "A",
    "limit.kind": "absolute",
    "limit.lowest_stack": True,
    "limit.number_phases": False,
    "limit.forgets": True,
    "limit.storage": "ram",
    "limit.zero": "ends",
    "status.available_while_charging": True,
    "status.harmless_faults": ("NoPPDetected",),
}


def test_every_flag_is_written_in_a_sheet_by_its_name() -> None:
    written = {
        f"{group}.{key}"
        for group, attribute in GROUPS.items()
        for key in keys_of(type(getattr(StationSheetSection(id="a", title="a"), attribute)))
    }
    assert written == {flag.name for flag in FLAGS} == set(STATED)


def test_every_flag_changes_what_is_known_of_a_station() -> None:
    idle = [flag for flag, value in STATED.items() if quirks_of({flag: value}) == STANDARD]
    assert not idle


def test_every_flag_says_what_it_means_and_where_it_was_seen() -> None:
    assert [flag.name for flag in FLAGS if not (flag.says and flag.seen)] == []
