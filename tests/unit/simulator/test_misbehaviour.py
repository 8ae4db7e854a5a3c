from typing import Any

import pytest

from sitectl.simulator.link import Refusal
from sitectl.simulator.misbehaviour import REGISTER, STALE_ID, WELL_BEHAVED, Misbehaviour


def having(**flags: Any) -> Misbehaviour:
    return Misbehaviour(flags={name.replace("__", "."): value for name, value in flags.items()})


def profile(
    purpose: str = "TxProfile", connector: int = 1, stack: int = 1, unit: str = "A", kind: str = "Absolute"
) -> Any:
    schedule = {"chargingRateUnit": unit, "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}
    inner = {"chargingProfilePurpose": purpose, "chargingProfileKind": kind, "stackLevel": stack}
    return {"connectorId": connector, "csChargingProfiles": {**inner, "chargingSchedule": schedule}}


def answer(wrong: Misbehaviour, **more: Any) -> Any:
    return wrong.answer("SetChargingProfile", profile(**more))


def test_a_station_without_flags_answers_like_any_other() -> None:
    assert answer(WELL_BEHAVED) is None
    assert WELL_BEHAVED.answer("Reset", {"type": "Soft"}) is None
    assert WELL_BEHAVED.cut('[3,"1",{"configurationKey":[]}]') == '[3,"1",{"configurationKey":[]}]'


def test_profiles_of_a_form_that_it_does_not_take_are_rejected() -> None:
    rejected = {"status": "Rejected"}
    assert answer(having(limit__unit="W")) == rejected
    assert answer(having(limit__unit="W"), unit="W") is None
    assert answer(having(limit__kind="relative")) == rejected
    assert answer(having(limit__kind="absolute"), kind="Relative") == rejected
    assert answer(having(limit__lowest_stack=True)) == rejected
    assert answer(having(limit__lowest_stack=True), stack=0) is None


def test_profiles_on_another_step_have_no_effect() -> None:
    wrong = having(limit__steps=("tx_default",))
    assert answer(wrong) == {"status": "Accepted"}, "accepted, and never installed"
    assert answer(wrong, purpose="TxDefaultProfile") is None
    assert answer(wrong, purpose="TxDefaultProfile", connector=0) == {"status": "Accepted"}
    with pytest.raises(Refusal):
        answer(wrong, purpose="ChargePointMaxProfile", connector=0)


def test_it_refuses_what_its_model_refuses() -> None:
    refused = {"status": "Rejected"}
    trigger = {"requestedMessage": "MeterValues"}
    assert having(config__refused_triggers=("MeterValues",)).answer("TriggerMessage", trigger) == refused
    assert having(config__refused_triggers=("Heartbeat",)).answer("TriggerMessage", trigger) is None
    whole = having(config__availability_by_evse=True)
    assert whole.answer("ChangeAvailability", {"connectorId": 0, "type": "Operative"}) == refused
    assert whole.answer("ChangeAvailability", {"connectorId": 1, "type": "Operative"}) is None
    few = having(config__measurands=("Current.Import",), config__sample_interval_s=30)
    key = "MeterValuesSampledData"
    assert few.answer("ChangeConfiguration", {"key": key, "value": "Current.Import,SoC"}) == refused
    assert few.answer("ChangeConfiguration", {"key": key, "value": "Current.Import"}) is None
    assert few.answer("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "10"}) == refused
    hard = having(config__hard_reset_only=True)
    assert hard.answer("Reset", {"type": "Soft"}) == {"status": "Accepted"}, "and does not reboot"
    assert hard.answer("Reset", {"type": "Hard"}) is None


def test_a_long_answer_of_configuration_is_cut_in_the_middle() -> None:
    wrong = having(config__keys_per_call=1)
    long = '[3, "1", {"configurationKey": [{"key": "A"}, {"key": "B"}]}]'
    assert wrong.cut(long) == long[: len(long) // 2]
    assert wrong.cut('[3, "1", {"configurationKey": [{"key": "A"}]}]').endswith("]")


def test_it_says_things_in_its_own_way() -> None:
    sample = {"measurand": REGISTER, "value": "5120"}
    current = {"measurand": "Current.Import", "value": "16"}
    metered = {"connectorId": 1, "transactionId": 3, "meterValue": [{"sampledValue": [sample, current]}]}
    wrong = having(tx__stale_ids=True, json__wrap=("meterValue",), meter__register="transaction", meter__readings=False)
    assert wrong.said("MeterValues", metered, True, 5000) == {
        "connectorId": 1,
        "transactionId": STALE_ID,
        "meterValue": {"sampledValue": [{"measurand": REGISTER, "value": "120"}]},
    }
    assert WELL_BEHAVED.said("MeterValues", metered, True, 5000) == metered
    status = {"connectorId": 1, "status": "Charging"}
    assert (
        having(status__available_while_charging=True).said("StatusNotification", status, True)["status"] == "Available"
    )
    assert having(status__available_while_charging=True).said("StatusNotification", status, False) == status
    assert Misbehaviour(stop_id=-1).said("StopTransaction", {"transactionId": 7}, True) == {"transactionId": -1}
