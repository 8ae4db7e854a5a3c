"""Where and as whom a station dials in."""

from pathlib import Path

import pytest

from sitectl.base.clock import SystemClock
from sitectl.base.errors import ConfigurationError
from sitectl.config.settings import UplinkSettings
from sitectl.model.ids import StationId, UplinkId
from sitectl.uplinks.dial import Dialer, identity, url

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


async def test_certificates_that_cannot_be_used_are_the_operators_fault(tmp_path: Path):
    with pytest.raises(ConfigurationError):
        Dialer(settings("wss://c", ca=tmp_path / "none.pem"), SystemClock(), lambda: "w")
