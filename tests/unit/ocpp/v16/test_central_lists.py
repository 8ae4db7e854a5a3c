"""SendLocalList as centrals send it, and as they should not."""

from datetime import UTC, datetime

import pytest

from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.ocpp.v16.central_lists import ListSent, list_sent
from sitectl.ocpp.v16.charging_profiles import Invalid

YES = IdTokenInfo(AuthorizationStatus.ACCEPTED)
UNTIL = datetime(2027, 1, 1, tzinfo=UTC)
A = {"idTag": "A", "idTagInfo": {"status": "Accepted"}}


def sent(*entries: object, full: bool = True, version: object = 7) -> ListSent:
    kind = "Full" if full else "Differential"
    read = list_sent({"listVersion": version, "updateType": kind, "localAuthorizationList": list(entries)})
    assert isinstance(read, ListSent)
    return read


def test_all_that_an_entry_can_say():
    info = {"status": "blocked", "expiryDate": "2027-01-01T01:00:00+01:00", "parentIdTag": "P"}
    assert sent(A, {"idTag": "B", "idTagInfo": info}).tokens == {
        "A": YES,
        "B": IdTokenInfo(AuthorizationStatus.BLOCKED, UNTIL, "P"),
    }


def test_a_differential_entry_without_info_leaves_the_list():
    assert sent(A, {"idTag": "B"}, {"idTag": "C", "idTagInfo": None}, full=False).tokens == {
        "A": YES,
        "B": None,
        "C": None,
    }
    assert sent(A, {"idTag": "B"}).wrong


def test_a_list_that_is_left_out_is_empty():
    for kind, full in (("Full", True), ("differential", False)):
        assert list_sent({"listVersion": 1, "updateType": kind}) == ListSent(1, full)
        nothing = {"listVersion": 1, "updateType": kind, "localAuthorizationList": None}
        assert list_sent(nothing) == ListSent(1, full)


@pytest.mark.parametrize(
    "entry",
    [
        7,
        {},
        {"idTag": ""},
        {"idTag": "A" * 21, "idTagInfo": {"status": "Accepted"}},
        {"idTag": "a", "idTagInfo": {"status": "Accepted"}},
        {"idTag": "B", "idTagInfo": {}},
        {"idTag": "B", "idTagInfo": "Accepted"},
        {"idTag": "B", "idTagInfo": {"status": "Perhaps"}},
        {"idTag": "B", "idTagInfo": {"status": "Accepted", "expiryDate": "soon"}},
    ],
)
@pytest.mark.parametrize("full", [True, False])
def test_one_bad_entry_spoils_the_whole_list(entry, full):
    read = sent(A, entry, full=full)
    assert "entry 1" in read.wrong
    assert read.tokens == {}


@pytest.mark.parametrize("version", [0, -1])
def test_zero_and_minus_one_are_no_versions(version):
    assert str(version) in sent(A, version=version).wrong


@pytest.mark.parametrize(
    "payload", [{}, {"listVersion": 1}, {"updateType": "Full"}, {"listVersion": 1, "updateType": "Half"}]
)
def test_what_is_no_update_at_all(payload):
    assert isinstance(list_sent(payload), Invalid)
