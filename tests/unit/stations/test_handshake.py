import base64
from dataclasses import replace
from http import HTTPStatus
from ipaddress import ip_network

import pytest

from sitectl.model.ids import CircuitId, StationId
from sitectl.model.station import StationPlan
from sitectl.ocpp.versions import Version
from sitectl.quirks.vocabulary import IdentityPlace
from sitectl.security.credentials import pin_address, pin_certificate
from sitectl.security.tls import PeerCertificate
from sitectl.stations.handshake import (
    QUARANTINE_PLACES,
    Admitted,
    Presence,
    Request,
    Rules,
    Situation,
    Turned,
    claimed,
    displaces,
    identity,
    judge,
    password_to_prove,
)

CP = StationId("CP01")


def plan(station: str = "CP01", profile: int = 1, *, installed: bool = True, ocpp: str | None = None) -> StationPlan:
    return StationPlan(
        StationId(station), CircuitId("grid"), 32.0, (), security_profile=profile, installed=installed, ocpp=ocpp
    )


def rules(*plans: StationPlan, passwords: dict[str, bytes] | None = None, quarantine: bool = True) -> Rules:
    return Rules(
        {each.id: each for each in (plans or (plan(),))},
        {StationId(name): password for name, password in (passwords or {}).items()},
        (ip_network("10.20.0.0/24"), ip_network("fd00::/8")),
        quarantine=quarantine,
    )


def basic(user: str, password: bytes) -> str:
    return "Basic " + base64.b64encode(user.encode() + b":" + password).decode()


def request(path: str = "/CP01", password: bytes | None = None, **more: object) -> Request:
    fields: dict[str, object] = {"address": "10.20.0.7", "offered": ("ocpp1.6",), **more}
    if password is not None:
        fields["authorization"] = basic("CP01", password)
    return Request(path, **fields)  # type: ignore[arg-type]


def status(verdict: Admitted | Turned) -> int:
    return int(verdict.status) if isinstance(verdict, Turned) else 101


PASSWORDS = {"CP01": b"secret"}


# --- identity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/CP01", "CP01"),
        ("/ocpp/any/where/CP01", "CP01"),
        ("/ocpp/CP01/", "CP01"),
        ("//CP01", "CP01"),
        ("/DE%2AABC%2AE01", "DE*ABC*E01"),
        ("/ocpp/CP01?token=1", "CP01"),
        ("/a+b=c|d@e.f_g-h", "a+b=c|d@e.f_g-h"),
        ("/" + "x" * 48, "x" * 48),
    ],
)
def test_the_identity_is_the_last_segment_decoded_once(path: str, name: str) -> None:
    assert identity(path) == name


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//",
        "/CP01//",
        "/a%2Fb",
        "/a%3Ab",
        "/a:b",
        "/" + "x" * 49,
        "/CP%2501",
        "/CP 01",
        "/CP%0001",
        "/%FF",
        "/ü",
    ],
)
def test_what_is_no_identity(path: str) -> None:
    assert identity(path) is None


# --- before any credential -------------------------------------------------------------------------------------------


def test_an_origin_is_refused_even_with_the_right_password() -> None:
    verdict = judge(request(password=b"secret", origin="http://evil.example"), rules(passwords=PASSWORDS), Situation())
    assert status(verdict) == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.20.0.7", 101),
        ("::ffff:10.20.0.7", 101),
        ("127.0.0.1", 101),
        ("::1", 101),
        ("fd00::7%eth0", 101),
        ("10.21.0.7", 403),
        ("::ffff:192.168.0.1", 403),
        ("unknown", 403),
    ],
)
def test_only_addresses_of_allow_from_and_loopback(address: str, expected: int) -> None:
    assert (
        status(judge(request(password=b"secret", address=address), rules(passwords=PASSWORDS), Situation())) == expected
    )


def test_unknown_identities_are_refused_or_quarantined() -> None:
    stranger = request("/CP99")
    assert status(judge(stranger, rules(quarantine=False), Situation())) == 404
    verdict = judge(stranger, rules(), Situation())
    assert isinstance(verdict, Admitted)
    assert verdict.quarantined
    assert verdict.shown.pin is None


def test_the_quarantine_has_eight_places() -> None:
    inside = [StationId(f"X{n}") for n in range(QUARANTINE_PLACES)]
    assert status(judge(request("/CP99"), rules(), Situation(quarantined=inside))) == 404
    assert status(judge(request("/X3"), rules(), Situation(quarantined=inside))) == 101
    assert status(judge(request("/CP99"), rules(), Situation(quarantined=inside[1:]))) == 101


def test_a_station_that_is_not_installed_yet_is_quarantined() -> None:
    verdict = judge(request(password=b"x"), rules(plan(installed=False)), Situation(commissioning=True))
    assert isinstance(verdict, Admitted)
    assert verdict.quarantined


def test_a_quarantined_identity_keeps_to_tls_where_the_site_demands_it() -> None:
    strict = Rules({}, security_profile=2)
    assert status(judge(request("/CP99", address="127.0.0.1"), strict, Situation())) == 403
    assert status(judge(request("/CP99", address="127.0.0.1", encrypted=True), strict, Situation())) == 101


# --- subprotocol -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "answer"),
    [(("ocpp1.6",), "ocpp1.6"), (("ocpp2.0.1", "ocpp1.6"), "ocpp1.6"), (("OCPP1.6",), "OCPP1.6"), ((), None)],
)
def test_the_first_version_that_both_speak(offered: tuple[str, ...], answer: str | None) -> None:
    verdict = judge(request(password=b"secret", offered=offered), rules(passwords=PASSWORDS), Situation())
    assert isinstance(verdict, Admitted)
    assert verdict.version is Version.V16
    assert verdict.subprotocol == answer


@pytest.mark.parametrize("offered", [("ocpp2.0.1",), ("mqtt", "ocpp1.5"), ("",)])
def test_only_unknown_subprotocols_are_refused(offered: tuple[str, ...]) -> None:
    assert status(judge(request(password=b"secret", offered=offered), rules(passwords=PASSWORDS), Situation())) == 400


def test_no_subprotocol_is_forgiven_only_to_listed_stations() -> None:
    assert status(judge(request("/CP99", offered=()), rules(), Situation())) == 400


def test_a_pinned_version_is_the_only_one() -> None:
    both = Rules({CP: plan(profile=0, ocpp="2.0.1")}, versions=(Version.V16, Version.V201))
    local = {"address": "::1"}
    assert status(judge(request(offered=("ocpp1.6",), **local), both, Situation())) == 400
    assert status(judge(request(offered=(), **local), both, Situation())) == 400
    verdict = judge(request(offered=("ocpp1.6", "ocpp2.0.1"), **local), both, Situation())
    assert isinstance(verdict, Admitted)
    assert verdict.version is Version.V201


# --- passwords -------------------------------------------------------------------------------------------------------


def test_the_configured_password_decides() -> None:
    known = rules(passwords=PASSWORDS)
    assert status(judge(request(password=b"secret"), known, Situation())) == 101
    for wrong in (request(password=b"Secret"), request(), request(authorization="Basic nonsense")):
        verdict = judge(wrong, known, Situation(commissioning=True))
        assert isinstance(verdict, Turned)
        assert verdict.status == 401
        assert verdict.failure
    other_user = request(authorization=basic("CP02", b"secret"))
    assert status(judge(other_user, known, Situation())) == 401


def test_under_profile_0_no_password_is_needed_but_a_configured_one_is_checked() -> None:
    assert status(judge(request(), rules(plan(profile=0)), Situation())) == 101
    verdict = judge(request(password=b"whatever"), rules(plan(profile=0)), Situation(commissioning=True))
    assert isinstance(verdict, Admitted)
    assert verdict.shown.pin is None
    assert verdict.shown.pin_password is None
    assert status(judge(request(), rules(plan(profile=0), passwords=PASSWORDS), Situation())) == 401


def test_commissioning_pins_what_is_shown() -> None:
    window = Situation(commissioning=True)
    assert status(judge(request(password=b"first"), rules(), Situation())) == 401, "outside of the window"
    password = judge(request(password=b"first"), rules(), window)
    assert isinstance(password, Admitted)
    assert password.shown.pin_password == b"first"
    bare = judge(request(), rules(), window)
    assert isinstance(bare, Admitted)
    assert bare.shown.pin == pin_address("10.20.0.7")
    certificate = PeerCertificate("ab12", "anything")
    shown = judge(request(encrypted=True, certificate=certificate, password=b"first"), rules(), window)
    assert isinstance(shown, Admitted)
    assert shown.shown.pin == pin_certificate("ab12")
    assert shown.shown.pin_password is None


def test_a_certificate_of_another_listed_station_is_never_pinned() -> None:
    window = Situation(commissioning=True)
    two = rules(plan(), plan("CP02"))
    for certificate in (PeerCertificate("ab12", "CP02"), PeerCertificate("ab12", "x", other_names=("CP02",))):
        shown = judge(request(encrypted=True, certificate=certificate, password=b"first"), two, window)
        assert isinstance(shown, Turned)
        assert status(shown) == 403
        assert "not of CP01" in shown.reason
    maker = PeerCertificate("ab12", "SN-4711")
    assert status(judge(request(encrypted=True, certificate=maker), two, window)) == 101


def test_a_pinned_password_holds_from_then_on() -> None:
    pin = "password:scrypt$00$00"
    right = request(password=b"first")
    assert password_to_prove(right, CP, pin) == b"first"
    assert status(judge(right, rules(), Situation(pin=pin, password_proven=True))) == 101
    assert status(judge(right, rules(), Situation(pin=pin, commissioning=True))) == 401, "the window changes no pin"
    assert password_to_prove(request(), CP, pin) is None
    assert password_to_prove(right, CP, None) is None
    assert password_to_prove(request("/CP02", password=b"first"), StationId("CP02"), pin) is None, "another user"


def test_a_pinned_address_holds_from_then_on() -> None:
    pinned = Situation(pin=pin_address("10.20.0.7"))
    assert status(judge(request(), rules(), pinned)) == 101
    assert status(judge(request(address="10.20.0.8"), rules(), pinned)) == 401


def test_a_pinned_certificate_holds_from_then_on() -> None:
    pinned = Situation(pin=pin_certificate("ab12"))
    with_it = request(encrypted=True, certificate=PeerCertificate("ab12", "x"))
    assert status(judge(with_it, rules(), pinned)) == 101
    assert status(judge(request(password=b"x"), rules(), pinned)) == 401
    other = request(encrypted=True, certificate=PeerCertificate("ab13", "x"))
    assert status(judge(other, rules(), pinned)) == 401


# --- TLS -------------------------------------------------------------------------------------------------------------


def test_profile_2_is_password_over_tls() -> None:
    tls = rules(plan(profile=2), passwords=PASSWORDS)
    assert status(judge(request(password=b"secret"), tls, Situation())) == 403
    assert status(judge(request(password=b"secret", encrypted=True), tls, Situation())) == 101
    assert status(judge(request(encrypted=True), tls, Situation())) == 401


def test_profile_3_is_a_certificate_in_the_stations_name() -> None:
    mutual = rules(plan(profile=3))
    own = request(encrypted=True, certificate=PeerCertificate("ab12", "CP01"))
    foreign = request(encrypted=True, certificate=PeerCertificate("cd34", "SN-77"))
    assert status(judge(own, mutual, Situation())) == 101
    assert status(judge(request(encrypted=True, password=b"secret"), mutual, Situation())) == 403
    assert status(judge(foreign, mutual, Situation())) == 403
    alternative = request(encrypted=True, certificate=PeerCertificate("ef56", "SN-77", other_names=("CP01",)))
    assert status(judge(alternative, mutual, Situation())) == 101


@pytest.mark.parametrize("pin", [None, pin_certificate("cd34"), pin_certificate("ee"), pin_address("10.20.0.7")])
@pytest.mark.parametrize("commissioning", [True, False])
def test_under_profile_3_a_certificate_of_somebody_else_is_refused_at_any_time(
    pin: str | None, commissioning: bool
) -> None:
    foreign = request(encrypted=True, certificate=PeerCertificate("cd34", "CP02"), password=b"secret")
    situation = Situation(commissioning=commissioning, pin=pin)
    verdict = judge(foreign, rules(plan(profile=3), passwords=PASSWORDS), situation)
    assert isinstance(verdict, Turned)
    assert (verdict.status, verdict.failure, verdict.reason) == (403, True, "the certificate is of CP02, not of CP01")


def test_a_certificate_in_its_name_is_more_than_a_lower_profile_asks_for() -> None:
    own = request(encrypted=True, certificate=PeerCertificate("ab12", "CP01"))
    for profile in (0, 1, 2, 3):
        verdict = judge(own, rules(plan(profile=profile), passwords=PASSWORDS), Situation(pin=pin_address("10.20.0.9")))
        assert isinstance(verdict, Admitted)
        assert verdict.certificate == own.certificate
        assert verdict.shown.pin is None, "who signs it vouches for the next one too"
    foreign = request(encrypted=True, certificate=PeerCertificate("ab12", "CP02"), password=b"secret")
    verdict = judge(foreign, rules(plan(profile=2), passwords=PASSWORDS), Situation())
    assert isinstance(verdict, Admitted)
    assert verdict.certificate is None, "it came by its password"


def test_one_that_must_have_a_certificate_may_fetch_it_by_its_password_while_commissioning() -> None:
    mutual = rules(plan(profile=3), passwords=PASSWORDS)
    window = Situation(commissioning=True)
    assert status(judge(request(encrypted=True, password=b"secret"), mutual, window)) == 101
    assert status(judge(request(encrypted=True, password=b"wrong"), mutual, window)) == 401
    assert status(judge(request(encrypted=True), mutual, window)) == 401
    assert status(judge(request(password=b"secret"), mutual, window)) == 403
    assert status(judge(request(encrypted=True, password=b"secret"), mutual, Situation())) == 403


# --- two connections -------------------------------------------------------------------------------------------------


def test_the_same_credential_from_the_same_address_displaces_without_asking() -> None:
    holder = Presence("10.20.0.7", b"secret")
    assert displaces(Presence("10.20.0.7", b"secret"), holder)
    assert not displaces(Presence("10.20.0.8", b"secret"), holder)
    assert not displaces(Presence("10.20.0.7", None), holder)


def test_nothing_secret_is_shown_by_a_repr() -> None:
    verdict = judge(request(password=b"hush"), rules(), Situation(commissioning=True))
    assert "hush" not in repr(verdict)
    assert basic("CP01", b"hush")[6:] not in repr(request(password=b"hush"))


# --- stations that name themselves elsewhere ---


def elsewhere(place: IdentityPlace, *, address: str | None = None, profile: int = 0) -> Rules:
    listed = replace(plan(profile=profile), address=address)
    return replace(rules(listed), elsewhere={CP: place})


@pytest.mark.parametrize("path", ["/?=CP01", "/ocpp?=CP01", "/?id=CP01&v=1", "/CP01/SN-4711", "/ocpp/CP01/"])
def test_a_name_anywhere_in_the_url_is_found_where_the_sheet_says_so(path: str) -> None:
    assert claimed(request(path), elsewhere(IdentityPlace.URL)) == CP
    verdict = judge(request(path), elsewhere(IdentityPlace.URL), Situation())
    assert isinstance(verdict, Admitted)
    assert verdict.station == CP
    if path != "/ocpp/CP01/":
        assert claimed(request(path), rules()) != CP, "without a sheet nobody looks there"


def test_a_name_in_the_password_is_found_and_the_password_is_looked_at() -> None:
    there = elsewhere(IdentityPlace.USER, profile=1)
    configured = replace(there, passwords={CP: b"secret"})
    assert isinstance(judge(request("/", b"secret"), configured, Situation()), Admitted)
    assert status(judge(request("/", b"guess"), configured, Situation())) == HTTPStatus.UNAUTHORIZED
    assert status(judge(request("/"), configured, Situation())) == HTTPStatus.NOT_FOUND


def test_a_station_is_known_by_its_address_alone_where_nothing_else_names_it() -> None:
    there = elsewhere(IdentityPlace.ADDRESS, address="10.20.0.7")
    assert claimed(request("/"), there) == CP
    assert claimed(request("/", address="::ffff:10.20.0.7"), there) == CP
    assert claimed(request("/", address="10.20.0.8"), there) is None
    assert claimed(request("/CP02"), there) == CP, "what it calls itself is nothing that is listed"
    other = replace(there, stations={**there.stations, StationId("CP02"): plan("CP02")})
    assert claimed(request("/CP02"), other) == "CP02", "a listed name in its right place goes first"
