import asyncio
import base64

import pytest

from sitectl.security.credentials import (
    BasicCredentials,
    PinVerifier,
    basic_header,
    parse_basic,
    password_fits,
    pin_address,
    pin_certificate,
    pin_password,
    same_password,
)


def header(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


def test_basic_is_read_with_raw_bytes_and_colons_in_the_password() -> None:
    assert parse_basic(header(b"CP01:\xff\x00\xfe:x")) == BasicCredentials("CP01", b"\xff\x00\xfe:x")
    assert parse_basic("basic  " + base64.b64encode(b"CP01:pw").decode()) == BasicCredentials("CP01", b"pw")
    assert parse_basic(header(b"CP01:")) == BasicCredentials("CP01", b"")


@pytest.mark.parametrize(
    "text", [None, "", "Basic", "Basic !!!", "Basic ü", "Bearer abc", header(b"no colon"), "Basic YTp"]
)
def test_what_is_no_basic_is_none(text: str | None) -> None:
    assert parse_basic(text) is None


def test_the_header_is_read_back() -> None:
    assert parse_basic(basic_header("CP01", b"s\xffcret")) == BasicCredentials("CP01", b"s\xffcret")


def test_the_password_never_shows() -> None:
    assert "secret" not in repr(BasicCredentials("CP01", b"secret"))


def test_three_forms_of_one_password() -> None:
    raw = bytes(range(200, 216))
    assert same_password(raw, raw)
    assert same_password(raw.hex().encode(), raw), "digits configured, bytes presented"
    assert same_password(raw, raw.hex().upper().encode()), "bytes configured, digits presented"
    assert same_password(b"secret", b"secret")


def test_other_passwords_are_not_the_same() -> None:
    assert not same_password(b"secret", b"Secret")
    assert not same_password(b"secret", b"")
    assert not same_password(b"", b"x")
    assert not same_password(b"41", b"A"), "short texts are no hexadecimal keys"


def test_a_password_pin_fits_only_its_password_and_hides_it() -> None:
    pin = pin_password(b"correct horse")
    assert pin.startswith("password:")
    assert "horse" not in pin
    assert password_fits(pin, b"correct horse")
    assert not password_fits(pin, b"correct horsf")
    assert pin_password(b"correct horse") != pin, "salted"


@pytest.mark.parametrize(
    "pin", ["", "password:", "password:scrypt$zz$00", "address:10.0.0.1", "certificate:ab", "junk"]
)
def test_a_pin_of_another_kind_fits_no_password(pin: str) -> None:
    assert not password_fits(pin, b"x")


def test_pins_of_certificates_and_addresses() -> None:
    assert pin_certificate("AB12") == "certificate:ab12"
    assert pin_address("10.0.0.7") == "address:10.0.0.7"


async def test_the_verifier_hashes_each_pair_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[bytes] = []

    def counting(pin: str, password: bytes) -> bool:
        hashed.append(password)
        return password == b"right"

    monkeypatch.setattr("sitectl.security.credentials.password_fits", counting)
    verifier = PinVerifier()
    for _ in range(3):
        assert await verifier.check("password:scrypt$00$00", b"right")
        assert not await verifier.check("password:scrypt$00$00", b"wrong")
    assert hashed == [b"right", b"wrong"]
    verifier.close()


async def test_a_pin_that_was_just_made_is_known_to_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = PinVerifier()
    pin = await verifier.pin(b"right")
    monkeypatch.setattr("sitectl.security.credentials.password_fits", lambda pin, password: False)
    assert await verifier.check(pin, b"right")
    verifier.close()


async def test_the_memory_of_the_verifier_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[bytes] = []
    monkeypatch.setattr(
        "sitectl.security.credentials.password_fits", lambda pin, password: bool(hashed.append(password)) or True
    )
    verifier = PinVerifier(size=2)
    for password in (b"a", b"b", b"a", b"c", b"a", b"b"):
        await verifier.check("password:x", password)
    assert hashed == [b"a", b"b", b"c", b"b"], "the pair unseen for longest is forgotten"
    verifier.close()
    await asyncio.sleep(0)
