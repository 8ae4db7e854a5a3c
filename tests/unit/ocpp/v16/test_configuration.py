"""Key classes and the reading of values."""

import pytest

from sitectl.ocpp.v16.configuration import START_KEYS, KeyClass, boolean, csv, integer, key_class, starts_pass_us


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("HeartbeatInterval", KeyClass.VIRTUAL),
        ("metervaluesampleinterval", KeyClass.VIRTUAL),
        ("StopTxnSampledData", KeyClass.VIRTUAL),
        ("LocalPreAuthorize", KeyClass.VIRTUAL),
        ("LightIntensity", KeyClass.BOTH),
        ("AuthorizationKey", KeyClass.CREDENTIAL),
        ("SecurityProfile", KeyClass.CREDENTIAL),
        ("NumberOfConnectors", KeyClass.READ_ONLY),
        ("BackendURL", KeyClass.REFUSED),
        ("MaxStationCurrent", KeyClass.REFUSED),
    ],
)
def test_classes(key, kind):
    assert key_class(key) is kind


def test_vendor_keys_on_the_list_are_passed_on():
    assert key_class("DisplayLanguage") is KeyClass.REFUSED
    assert key_class("DisplayLanguage", {"DisplayLanguage"}) is KeyClass.BOTH
    assert key_class("AuthorizationKey", {"AuthorizationKey"}) is KeyClass.CREDENTIAL


ALL_FALSE = dict.fromkeys(START_KEYS, "false")


@pytest.mark.parametrize(
    ("changes", "unknown", "expected"),
    [
        ({}, (), True),
        ({"LocalPreAuthorize": '"False" '}, (), True),
        ({"LocalPreAuthorize": "true"}, (), False),
        ({"LocalPreAuthorize": "perhaps"}, (), False),
        ({"LocalPreAuthorize": None}, (), False),
        ({"LocalPreAuthorize": None}, ("LocalPreAuthorize",), True),
        ({"FreeVendEnabled": "true"}, (), False),
        ({"FreeVendEnabled": "false"}, (), True),
        ({"Vendor.Free_Vend": "1"}, (), False),
    ],
)
def test_starts_pass_us(changes, unknown, expected):
    values = {key: value for key, value in {**ALL_FALSE, **changes}.items() if value is not None}
    assert starts_pass_us(values, unknown) is expected


def test_nothing_read_proves_nothing():
    assert not starts_pass_us({})


def test_values():
    assert csv(" \"Current.Import, 'Energy.Active.Import.Register',, SoC \" ") == (
        "Current.Import",
        "Energy.Active.Import.Register",
        "SoC",
    )
    assert csv("") == ()
    assert [boolean(text) for text in ("TRUE", " 'false'", "1", "maybe")] == [True, False, True, None]
    assert [integer(text) for text in ("30", ' "30" ', "30.0", "x", "")] == [30, 30, 30, None, None]
