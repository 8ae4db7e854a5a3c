"""The 28 actions of the core, and the 11 of the security extension."""

from sitectl.config.schemas import load_schemas
from sitectl.ocpp.v16.actions import ACTIONS, FROM_CENTRAL, FROM_STATION, SECURITY_ACTIONS, TRANSACTIONAL, Sender
from sitectl.ocpp.versions import Version


def test_ten_from_stations_and_nineteen_from_centrals():
    assert len(ACTIONS) == 28
    assert len(FROM_STATION) == 10
    assert len(FROM_CENTRAL) == 19
    assert {"DataTransfer"} == FROM_STATION & FROM_CENTRAL
    assert {"StartTransaction", "StopTransaction", "MeterValues"} == TRANSACTIONAL


def test_every_action_has_its_schemas():
    schemas = load_schemas(Version.V16)
    assert {(name, d) for name in (*ACTIONS, *SECURITY_ACTIONS) for d in ("request", "response")} <= set(schemas)


def test_what_a_central_starts_needs_a_right():
    assert {a.name for a in ACTIONS.values() if a.right is not None} == FROM_CENTRAL
    for action in SECURITY_ACTIONS.values():
        assert (action.right is not None) is (action.sender is Sender.CENTRAL)


def test_the_security_extension():
    assert len(SECURITY_ACTIONS) == 11
    assert len([a for a in SECURITY_ACTIONS.values() if a.sender is Sender.STATION]) == 4
    assert not SECURITY_ACTIONS.keys() & ACTIONS.keys()
