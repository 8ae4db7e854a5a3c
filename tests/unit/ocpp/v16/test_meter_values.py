"""Sampled values as stations send them, and what is read of them."""

from datetime import UTC, datetime

import pytest

from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import EvseId, StationId
from sitectl.model.metering import EvseReading, MeterSample
from sitectl.ocpp.v16.meter_values import meter_values

AT = "2026-11-20T06:11:00Z"


def value(text, measurand=None, phase=None, unit=None, **more) -> dict:
    fields = {"value": text, "measurand": measurand, "phase": phase, "unit": unit, **more}
    return {key: field for key, field in fields.items() if field is not None}


def read(*values, **payload) -> tuple[MeterSample, list[str]]:
    message = {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": list(values)}], **payload}
    decoded = meter_values(message)
    return decoded.value.samples[0], [f"{d.path} {d.rule}" for d in decoded.deviations]


def test_a_whole_message():
    decoded = meter_values(
        {
            "connectorId": 2,
            "transactionId": 77,
            "meterValue": [
                {
                    "timestamp": AT,
                    "sampledValue": [
                        value("10.1", "Current.Import", "L1", "A", context="Transaction.Begin"),
                        value("10.2", "Current.Import", "L2", "A"),
                        value("10.3", "Current.Import", "L3", "A"),
                        value("7.1", "Power.Active.Import", None, "kW"),
                        value("12.5", "Energy.Active.Import.Register", None, "kWh"),
                        value("16", "Current.Offered", None, "A"),
                        value("231", "Voltage", "L1-N", "V"),
                        value("80", "SoC", None, "Percent", location="EV"),
                    ],
                }
            ],
        }
    )
    assert decoded.deviations == ()
    assert (decoded.value.evse, decoded.value.station_transaction_id) == (2, 77)
    [sample] = decoded.value.samples
    assert sample == MeterSample(
        sampled=datetime(2026, 11, 20, 6, 11, tzinfo=UTC),
        context="Transaction.Begin",
        current_a=PhaseCurrents(10.1, 10.2, 10.3),
        phases=3,
        power_w=7100.0,
        register_wh=12500.0,
        offered_a=16.0,
    )
    evse = EvseId(StationId("CP01"), 2)
    assert sample.reading(evse, 5.0) == EvseReading(evse, 5.0, sample.current_a, 3, 7100.0, 12500.0, 16.0)


@pytest.mark.parametrize(
    ("values", "current", "phases"),
    [
        ([value("6", "Current.Import")], PhaseCurrents(6, 6, 6), 0),
        ([value("6", "Current.Import", "L1"), value("0.1", "Current.Import", "N")], PhaseCurrents(6, 0, 0), 1),
        ([value("6", "Current.Import", "L1-N"), value("7", "Current.Import", "L2-N")], PhaseCurrents(6, 7, 0), 2),
        ([value("6", "Current.Import", "L3"), value("18", "Current.Import")], PhaseCurrents(0, 0, 6), 1),
        ([value("6000", "Current.Import", "L1", "mA")], PhaseCurrents(6, 0, 0), 1),
        ([value(6.5, "Current.Import", "L1")], PhaseCurrents(6.5, 0, 0), 1),
        ([value("6", "Current.Export", "L1")], None, 3),
        ([value("5000", "Power.Active.Import")], None, 3),
    ],
)
def test_currents(values, current, phases):
    sample, _ = read(*values)
    assert (sample.current_a, sample.phases) == (current, phases)


def test_a_missing_measurand_is_the_register_and_a_missing_unit_its_default():
    assert read(value("1234"))[0].register_wh == 1234.0
    assert read(value("1.2", unit="kWh"))[0].register_wh == 1200.0
    assert read(value("900", "Power.Active.Import"))[0].power_w == 900.0


def test_a_register_by_phase_is_summed():
    parts = [value("100", "Energy.Active.Import.Register", f"L{n}") for n in (1, 2, 3)]
    assert read(*parts)[0].register_wh == 300.0


@pytest.mark.parametrize(("total", "power"), [("6900", 6900.0), ("7000", 7000.0), ("2300", 6900.0)])
def test_a_total_that_contradicts_its_phases_gives_way(total, power):
    parts = [value("2300", "Power.Active.Import", f"L{n}") for n in (1, 2, 3)]
    assert read(*parts, value(total, "Power.Active.Import"))[0].power_w == power


@pytest.mark.parametrize(
    ("bad", "deviation"),
    [
        (value("6", "Current.Import", "L1", "Hz"), "meterValue.0.sampledValue.0.unit enum"),
        (value("", "Current.Import", "L1"), "meterValue.0.sampledValue.0.value type"),
        (value("nan", "Current.Import", "L1"), "meterValue.0.sampledValue.0.value type"),
        (value("6", "Current.Import", "L9"), "meterValue.0.sampledValue.0.phase type"),
        (value("6", "Current.Import", ["L1"]), "meterValue.0.sampledValue.0.phase type"),
        ("6", "meterValue.0.sampledValue.0 type"),
    ],
)
def test_a_bad_value_costs_itself_and_nothing_else(bad, deviation):
    sample, deviations = read(bad, value("7", "Current.Import", "L2"))
    assert sample.current_a == PhaseCurrents(0, 7, 0)
    assert deviations == [deviation]


def test_signed_data_is_not_looked_into():
    sample, deviations = read(value("OCMF|{...}", format="SignedData"), value("5", unit="Wh"))
    assert (sample.signed, sample.register_wh, deviations) == (True, 5.0, [])


def test_one_value_that_is_no_list():
    decoded = meter_values({"connectorId": "1", "meterValue": {"timestamp": AT, "sampledValue": value("5")}})
    assert decoded.value.evse == 1
    assert decoded.value.samples[0].register_wh == 5.0
    assert len(decoded.deviations) == 3


def test_nothing_readable():
    decoded = meter_values({"connectorId": None, "meterValue": [{"timestamp": "soon", "sampledValue": 7}, 3]})
    assert decoded.value.evse == 0
    assert decoded.value.samples == (MeterSample(),)
    assert meter_values({}).value.samples == ()
