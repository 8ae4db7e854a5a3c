"""No secret leaves, however it is written; what is no secret stays readable."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitectl.cli.redacting import Redactor

SECRET = 'Zq9"x/ü+k&4 =z'
PLAIN = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=40)


def hiding(*secrets: str) -> Redactor:
    redactor = Redactor()
    redactor.hide(secrets)
    return redactor


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(json.dumps({"a": SECRET})),
        quote(SECRET, safe=""),
        SECRET.encode().hex(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"CP01:{SECRET}".encode()).decode(),
        base64.b64encode(f"CP001:{SECRET}".encode()).decode(),
        base64.b64encode(f"CP0001:{SECRET}".encode()).decode(),
    ],
)
def test_in_every_form(written: str) -> None:
    redactor = hiding(SECRET)
    out = redactor.text(f"before {written} after")
    assert not redactor.remains(out.encode())
    assert out.startswith("before ")
    assert out.endswith(" after")


@given(PLAIN, st.text("ABCDEFGH:", max_size=9))
def test_never_in_base64_of_a_longer_text(secret: str, before: str) -> None:
    redactor = hiding(secret)
    written = base64.b64encode(f"{before}{secret}".encode()).decode()
    out = redactor.text(written)
    assert out != written or len(secret.strip()) < 8


def test_by_its_name_wherever_it_stands() -> None:
    document = {
        "mqtt": {"password": "pw-of-the-broker", "password_file": "broker.password"},
        "key": "WifiPassword",
        "value": "wifi wifi wifi",
        "configurationKey": [
            {"key": "AuthorizationKey", "value": "41414141"},
            {"key": "HeartbeatInterval", "value": "30"},
        ],
    }
    redactor = Redactor()
    redactor.learn(document)
    out = redactor.document(document)
    for secret in ("pw-of-the-broker", "wifi wifi", "41414141", "in a text"):
        assert secret not in out
    assert "broker.password" in out
    assert '"value": "30"' in out


def test_tokens_are_told_apart_and_by_nothing_else() -> None:
    redactor = Redactor()
    frames = ['[2,"1","Authorize",{"idTag":"04A2B3C4"}]', '[2,"2","Authorize",{"idTag":"DEADBEEF"}]']
    redactor.learn({"entries": [{"frame": frame} for frame in frames], "id_token": "04A2B3C4"})
    out = redactor.text(f"{frames[0]} {frames[1]} tag 04a2b3c4 was refused; 04A2B3C45 is a serial")
    assert "04A2B3C4" not in out.replace("04A2B3C45", "")
    assert "DEADBEEF" not in out
    first, second = (out.split("token-")[n][:8] for n in (1, 2))
    assert first != second
    assert out.count(f"token-{first}") == 2
    assert "04A2B3C45" in out
    again = Redactor()
    again.hide_tokens(["04A2B3C4"])
    assert again.text("04A2B3C4") != f"token-{first}"  # it cannot be looked up in another bundle


def test_credentials_in_addresses_and_headers() -> None:
    out = Redactor().text("wss://CP01:hunter22@example.com/x Authorization: Basic Q1AwMTpodW50ZXIyMg==")
    assert "hunter22" not in out
    assert "Q1AwMTpodW50ZXIyMg" not in out
    assert "example.com" in out
