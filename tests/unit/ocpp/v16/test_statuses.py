"""ChargePointStatus and the model's two words."""

import pytest

from sitectl.model.station import ChargingState, ConnectorStatus
from sitectl.ocpp.v16.statuses import evse_status, known, status_word

WORDS = {
    "Available": (ConnectorStatus.AVAILABLE, ChargingState.IDLE),
    "Preparing": (ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED),
    "Charging": (ConnectorStatus.OCCUPIED, ChargingState.CHARGING),
    "SuspendedEVSE": (ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EVSE),
    "SuspendedEV": (ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV),
    "Finishing": (ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED),
    "Reserved": (ConnectorStatus.RESERVED, ChargingState.IDLE),
    "Unavailable": (ConnectorStatus.UNAVAILABLE, None),
    "Faulted": (ConnectorStatus.FAULTED, None),
}


@pytest.mark.parametrize("word", WORDS)
def test_each_word_and_back(word):
    status = evse_status(word)
    assert (status.connector_status, status.charging_state) == WORDS[word]
    assert status.preparing is (word == "Preparing")
    assert evse_status(word.lower()) == status
    assert status_word(status) == word


def test_an_unknown_word_counts_as_about_to_start():
    assert not known("Dancing")
    assert evse_status("Dancing").preparing
    assert evse_status("Dancing").connector_status is ConnectorStatus.OCCUPIED
