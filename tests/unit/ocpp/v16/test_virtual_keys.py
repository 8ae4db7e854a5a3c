"""The keys of a virtual station: what each takes."""

import pytest

from sitectl.ocpp.v16.configuration import KeyClass, key_class
from sitectl.ocpp.v16.virtual_keys import KEYS, Form, canonical, is_number


def test_every_key_has_a_class_that_fits():
    for name, key in KEYS.items():
        kind = key_class(name)
        assert kind in (KeyClass.READ_ONLY,) if key.read_only else kind in (KeyClass.VIRTUAL, KeyClass.BOTH), name


def test_every_default_is_one_that_the_key_takes():
    for name, key in KEYS.items():
        assert key.default is None or key.takes(key.default), name


@pytest.mark.parametrize(
    ("key", "taken", "refused"),
    [
        ("HeartbeatInterval", ("1", " 86400 "), ("0", "-1", "86401", "1.5", "soon", "", "9" * 30, "\u0663")),
        ("WebSocketPingInterval", ("0", "60"), ("-1", "x")),
        ("MeterValueSampleInterval", ("0", "900"), ("-900", "99999999999")),
        ("TransactionMessageAttempts", ("0", "3", "100"), ("101",)),
        ("StopTransactionOnInvalidId", ("true", "FALSE", "1"), ("perhaps", "")),
        (
            "MeterValuesSampledData",
            ("", "SoC", " Current.Import , Energy.Active.Import.Register", '"Voltage"'),
            ("Current", "Energy.Active.Import.Register,Nonsense"),
        ),
    ],
)
def test_what_a_key_takes(key, taken, refused):
    assert [value for value in taken if not KEYS[key].takes(value)] == []
    assert [value for value in refused if KEYS[key].takes(value)] == []


def test_spelling():
    assert canonical(" heartbeatinterval ") == "HeartbeatInterval"
    assert canonical("Vendor.Key") == "Vendor.Key"
    assert KEYS["StopTxnSampledData"].form is Form.MEASURANDS


def test_numbers():
    assert is_number("0")
    assert is_number("2147483647")
    assert not any(is_number(text) for text in ("2147483648", "-1", "", " 1", "1e3", "9" * 5000))
