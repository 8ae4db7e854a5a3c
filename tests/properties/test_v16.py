"""Decoding OCPP 1.6 is total: whatever JSON object comes, a value comes out, and nothing raises."""

import math
from datetime import UTC, datetime

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from sitectl.model.ids import StationId
from sitectl.ocpp.v16 import central_decode, central_encode, decode
from sitectl.ocpp.v16.actions import FROM_CENTRAL
from sitectl.ocpp.v16.meter_values import meter_values

STATION = StationId("CP01")
NOW = datetime(2026, 11, 20, 6, 11, tzinfo=UTC)

WORDS = """
    Accepted Available Charging L1 L1-N N A W kW Wh Current.Import Power.Active.Import SignedData Absolute Relative
    TxProfile TxDefaultProfile ChargePointMaxProfile Recurring Daily 2026-11-20T06:11:00Z 1 -1 1e400 true
"""
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.sampled_from(WORDS.split())
    | st.text(max_size=9)
)
KEYS = """
    connectorId idTag status errorCode timestamp meterStart meterStop transactionId reason meterValue sampledValue
    value measurand unit phase format context transactionData configurationKey key readonly unknownKey
    csChargingProfiles chargingProfile chargingProfileId stackLevel chargingProfilePurpose chargingProfileKind
    recurrencyKind validFrom chargingSchedule chargingRateUnit chargingSchedulePeriod startPeriod limit
    numberPhases duration startSchedule idTagInfo expiryDate parentIdTag interval currentTime vendorId data type
    requestedMessage id
"""
keys = st.sampled_from(KEYS.split())
values = st.recursive(scalars, lambda i: st.lists(i, max_size=3) | st.dictionaries(keys, i, max_size=6), max_leaves=25)
payloads = st.dictionaries(keys, values, max_size=8)


@given(payloads)
@settings(max_examples=200, deadline=None)
def test_what_stations_say(payload):
    decode.boot(payload)
    decode.authorize(payload)
    start = decode.start_transaction(payload, STATION, NOW).value
    assert abs(start.meter_start_wh) <= 2**53
    decode.stop_transaction(payload, STATION, NOW)
    decode.stop_samples(payload)
    decode.status_notification(payload)
    decode.data_transfer(payload)
    decode.work_status(payload)
    decode.answered(payload)
    decode.configuration(payload)
    for sample in meter_values(payload).value.samples:
        assert all(math.isfinite(a) for a in sample.current_a or ())


@given(st.sampled_from(sorted(FROM_CENTRAL)), payloads)
@settings(max_examples=200, deadline=None)
def test_what_centrals_say(action, payload):
    central_decode.asked(action, payload, STATION, NOW)
    central_decode.boot_answer(payload)
    central_decode.heartbeat_answer(payload)
    central_decode.authorize_answer(payload)
    central_decode.start_answer(payload)
    central_decode.stop_answer(payload)
    central_decode.transfer_answer(payload)


@given(st.sampled_from(["BootNotification", "StatusNotification", "MeterValues", "StopTransaction"]), payloads)
@settings(max_examples=100, deadline=None)
def test_what_goes_up_holds_no_null(action, payload):
    shown = central_encode.with_transaction(action, payload, "1")

    def has_null(value) -> bool:
        if isinstance(value, dict):
            return any(map(has_null, value.values()))
        return any(map(has_null, value)) if isinstance(value, list) else value is None

    assert not has_null(shown)
    orjson.dumps(shown)
