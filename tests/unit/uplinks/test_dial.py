"""Where and as whom a station dials in."""

import ssl
from pathlib import Path

import pytest
from websockets.exceptions import InvalidMessage

from sitectl.base.errors import ConfigurationError
from sitectl.config.settings import UplinkSettings
from sitectl.model.ids import StationId, UplinkId
from sitectl.uplinks.contexts import Contexts
from sitectl.uplinks.dial import _failure, identity, url
from sitectl.uplinks.legs import Failure
from sitectl.uplinks.roots import Roots
from tests.unit.uplinks.vault import VaultTwin

CP = StationId("CP01")


def settings(address: str, **more) -> UplinkSettings:
    return UplinkSettings(UplinkId("central"), address, **more)


def test_the_identity_is_appended_or_put_into_the_template():
    assert url(settings("ws://c/ocpp"), CP) == "ws://c/ocpp/CP01"
    assert url(settings("ws://c/ocpp/"), CP) == "ws://c/ocpp/CP01"
    assert url(settings("ws://c/{station}/16?key=1"), CP) == "ws://c/CP01/16?key=1"


def test_another_name_at_the_central_is_percent_encoded():
    named = settings("ws://c", identities={CP: "DE*ABC*E01|x"})
    assert identity(named, CP) == "DE*ABC*E01|x"
    assert url(named, CP) == "ws://c/DE%2AABC%2AE01%7Cx"
    assert url(named, StationId("CP02")) == "ws://c/CP02"


def test_a_leg_that_must_be_encrypted_goes_to_the_same_place_over_tls():
    assert url(settings("ws://c:9000/ocpp"), CP, encrypted=True) == "wss://c:9000/ocpp/CP01"
    assert url(settings("ws://c/{station}?k=ws://x"), CP, encrypted=True) == "wss://c/CP01?k=ws://x"
    assert url(settings("wss://c"), CP, encrypted=True) == "wss://c/CP01"


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConnectionRefusedError(), Failure.UNREACHABLE),
        (TimeoutError(), Failure.UNREACHABLE),
        (OSError(113, "No route to host"), Failure.UNREACHABLE),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), Failure.BROKEN),
        (ConnectionResetError(), Failure.BROKEN),
        (InvalidMessage("did not receive a valid HTTP response"), Failure.BROKEN),
    ],
)
def test_whether_the_other_end_was_reached_at_all(error, failure):
    assert _failure(error) is failure


def test_certificates_that_cannot_be_used_are_the_operators_fault(tmp_path: Path):
    secure = settings("wss://c", ca=tmp_path / "none.pem")
    with pytest.raises(ConfigurationError):
        Contexts(secure, Roots(secure, VaultTwin()), VaultTwin())
