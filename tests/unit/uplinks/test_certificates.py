"""Certificates as a central manages them: ours, its roots, and the roots of makers in the stations."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sitectl.model.commands import Answered, Command, Refused, RelayCall
from sitectl.model.security import HashAlgorithm
from sitectl.model.uplink import Right
from sitectl.ocpp.v16.security import hash_payload
from sitectl.security.certificates import common_name, hash_data, read_request
from sitectl.uplinks.legs import Leg
from tests.unit.security.authority import PEM, Authority, text
from tests.unit.uplinks.central import CP, Error
from tests.unit.uplinks.test_credentials import change
from tests.unit.uplinks.test_security_events import journal
from tests.unit.uplinks.twins import START, World, on_virtual_time

ACCEPTED, REJECTED, NOT_FOUND = {"status": "Accepted"}, {"status": "Rejected"}, {"status": "NotFound"}
CA = Authority("central's", now=START)
MAKER = Authority("maker", now=START)
TRIGGER = {"requestedMessage": "SignChargePointCertificate"}


def leg(world: World) -> Leg:
    return world.pool._uplinks["central"].security.legs.current(CP)


def signed(csr: str, name: str | None = None, lives: timedelta = timedelta(days=90), begins: datetime = START) -> str:
    """What a central makes of a request."""
    asked = read_request(csr)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(
            asked.subject if name is None else x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        )
        .issuer_name(CA.certificate.subject)
        .public_key(asked.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + lives)
        .sign(CA.key, hashes.SHA256())
    )
    return certificate.public_bytes(PEM).decode() + CA.pem


async def asked(world: World) -> str:
    """The central triggers our request, and has it."""
    world.central.answers["SignCertificate"] = ACCEPTED
    assert await world.central.ask("ExtendedTriggerMessage", TRIGGER) == ACCEPTED
    await asyncio.sleep(1)
    return str(world.central.of("SignCertificate")[-1]["csr"])


async def deliver(world: World, chain: str) -> Any:
    return await world.central.ask("CertificateSigned", {"certificateChain": chain})


# --- ours ------------------------------------------------------------------------------------------------------------


@on_virtual_time
async def test_a_certificate_for_our_leg_is_asked_for_and_taken_and_never_reaches_the_station():
    async with World() as world:
        await world.settles()
        await change(world, "CpoName", "Acme")
        csr = await asked(world)
        subject = read_request(csr).subject
        assert common_name(subject) == CP
        assert subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)[0].value == "Acme"
        assert await deliver(world, signed(csr)) == ACCEPTED
        name = leg(world).certificate
        folder = "uplinks/central/stations/CP01/"
        assert world.vault.names(folder) == [f"{folder}{name}.key", f"{folder}{name}.pem", f"{folder}leg.json"]
        assert not world.door.commands
        await asyncio.sleep(20)
        assert len(world.central.dials) == 1, "it is not shown below profile 3"
        assert await change(world, "SecurityProfile", "3") == ACCEPTED
        await asyncio.sleep(20)
        assert len(world.central.dials) == 2
        assert leg(world).shown == name


@on_virtual_time
async def test_a_renewed_certificate_on_profile_3_is_shown_at_once_and_the_old_one_stays_until_it_holds():
    async with World() as world:
        await world.settles()
        await deliver(world, signed(await asked(world)))
        await change(world, "SecurityProfile", "3")
        await asyncio.sleep(20)
        old = leg(world).certificate
        world.pool._uplinks["central"].security.legs.opened(CP, leg(world))  # as who dials does
        assert await deliver(world, signed(await asked(world))) == ACCEPTED
        await asyncio.sleep(20)
        assert len(world.central.dials) == 3
        assert leg(world).shown != old
        files = {name.rpartition("/")[2] for name in world.vault.names("uplinks/central/stations/CP01/")}
        assert {f"{old}.pem", f"{leg(world).shown}.pem"} <= files


@pytest.mark.parametrize(
    "chain",
    [
        lambda csr: "rubbish",
        lambda csr: CA.pem,
        lambda csr: signed(csr, name="CP02"),
        lambda csr: signed(csr, lives=timedelta(days=1), begins=START - timedelta(days=9)),
        lambda csr: signed(csr, begins=START + timedelta(days=1)),
    ],
)
def test_what_is_not_ours_is_rejected_and_reported(chain: Callable[[str], str]):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            assert await deliver(world, chain(await asked(world))) == REJECTED
            await asyncio.sleep(2)
            assert leg(world).certificate is None
            types = [event["type"] for event in world.central.of("SecurityEventNotification")]
            assert types == ["InvalidChargePointCertificate"]

    test()


@on_virtual_time
async def test_what_nobody_asked_for_is_rejected():
    async with World() as world:
        await world.settles()
        assert await deliver(world, text(CA.issue(CP, CA.key))) == REJECTED
        csr = await asked(world)
        assert await world.central.ask("ExtendedTriggerMessage", TRIGGER) == REJECTED, "too soon"
        await asyncio.sleep(10)
        await asked(world)
        assert await deliver(world, signed(csr)) == REJECTED, "the newest request counts"


@on_virtual_time
async def test_a_full_disk_takes_no_certificate():
    async with World() as world:
        await world.settles()
        csr = await asked(world)
        world.vault.full = True
        assert await deliver(world, signed(csr)) == REJECTED
        assert leg(world).certificate is None


@pytest.mark.parametrize("said", [REJECTED, Error("NotImplemented")])
def test_a_central_that_does_not_sign_is_told_to_people(said):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.central.answers["SignCertificate"] = said
            assert await world.central.ask("ExtendedTriggerMessage", TRIGGER) == ACCEPTED
            await asyncio.sleep(2)
            assert len(await journal(world, "uplink.certificate_not_signed")) == 1

    test()


@on_virtual_time
async def test_a_certificate_is_renewed_after_two_thirds_of_its_life():
    async with World() as world:
        await world.settles()
        await deliver(world, signed(await asked(world), lives=timedelta(hours=75)))
        life = world.pool._uplinks["central"].security._certificates._lives
        world.pool._uplinks["central"].security._certificates._asked_at.clear()
        await asyncio.sleep(120)
        [name] = life
        life[name] = (START - timedelta(hours=49), START + timedelta(hours=26))  # two days pass
        await asyncio.sleep(0.9 * 3600)
        assert len(world.central.of("SignCertificate")) == 1
        await asyncio.sleep(0.2 * 3600)
        assert len(world.central.of("SignCertificate")) == 2
        await asyncio.sleep(2 * 3600)
        assert len(world.central.of("SignCertificate")) == 2, "asked once a day"


# --- its roots -------------------------------------------------------------------------------------------------------

CSMS, MANUFACTURER = "CentralSystemRootCertificate", "ManufacturerRootCertificate"


async def install(world: World, use: str, pem: str) -> Any:
    return await world.central.ask("InstallCertificate", {"certificateType": use, "certificate": pem})


async def listed(world: World, use: str) -> Any:
    return await world.central.ask("GetInstalledCertificateIds", {"certificateType": use})


def named(one: Authority, algorithm: HashAlgorithm = HashAlgorithm.SHA256) -> dict[str, Any]:
    return hash_payload(hash_data(one.certificate, one.certificate, algorithm))


@on_virtual_time
async def test_the_roots_of_a_central_are_ours_and_none_of_the_stations_business():
    async with World() as world:
        await world.settles()
        assert await listed(world, CSMS) == NOT_FOUND
        assert await install(world, CSMS, CA.pem) == ACCEPTED
        assert await listed(world, CSMS) == {"status": "Accepted", "certificateHashData": [named(CA)]}
        deletion = {"certificateHashData": named(CA, HashAlgorithm.SHA384)}
        assert await world.central.ask("DeleteCertificate", deletion) == ACCEPTED
        assert await listed(world, CSMS) == NOT_FOUND
        assert not world.door.commands
        await asyncio.sleep(2)
        events = [event["techInfo"] for event in world.central.of("SecurityEventNotification")]
        assert events == ["root central's was installed", "root central's was deleted"]


@on_virtual_time
async def test_the_additional_check_is_made_where_the_central_set_it():
    async with World() as world:
        await world.settles()
        await install(world, CSMS, CA.pem)
        await change(world, "AdditionalRootCertificateCheck", "true")
        assert await install(world, CSMS, Authority("other", now=START).pem) == REJECTED
        assert await install(world, CSMS, Authority("next", CA, now=START).pem) == ACCEPTED


# --- the makers' -----------------------------------------------------------------------------------------------------


class Station:
    """The station's store of makers' roots, behind the door."""

    def __init__(self) -> None:
        self.held: list[dict[str, Any]] = []
        self.asked: list[str] = []

    def __call__(self, command: Command) -> Any:
        assert isinstance(command, RelayCall)
        self.asked.append(command.action)
        payload = command.payload
        match command.action:
            case "InstallCertificate":
                assert payload["certificateType"] == MANUFACTURER
                self.held.append(named(MAKER))
                return Answered("Accepted", ACCEPTED)
            case "GetInstalledCertificateIds":
                assert payload == {"certificateType": MANUFACTURER}
                answer = {"status": "Accepted", "certificateHashData": self.held} if self.held else NOT_FOUND
                return Answered(answer["status"], answer)
            case "DeleteCertificate":
                self.held.remove(named(MAKER))
                return Answered("Accepted", ACCEPTED)


@on_virtual_time
async def test_the_roots_of_makers_go_to_the_station_and_a_copy_stays():
    async with World() as world:
        await world.settles()
        station = world.door.outcome = Station()
        assert await install(world, MANUFACTURER, "rubbish") == REJECTED
        assert await install(world, MANUFACTURER, MAKER.pem) == ACCEPTED
        held = {"status": "Accepted", "certificateHashData": [named(MAKER)]}
        assert await listed(world, MANUFACTURER) == held
        assert await listed(world, CSMS) == NOT_FOUND
        [copy] = world.vault.names("stations/CP01/makers/")
        assert world.vault.files[copy].decode() == MAKER.pem
        world.leaves()
        assert await listed(world, MANUFACTURER) == held, "of a station that is away, what is known"
        assert await install(world, MANUFACTURER, MAKER.pem) == {"status": "Failed"}
        deletion = {"certificateHashData": named(MAKER)}
        assert await world.central.ask("DeleteCertificate", deletion) == {"status": "Failed"}
        world.arrives()
        assert await world.central.ask("DeleteCertificate", deletion) == ACCEPTED
        assert world.vault.names("stations/") == []
        assert await listed(world, MANUFACTURER) == NOT_FOUND
        assert await world.central.ask("DeleteCertificate", deletion) == NOT_FOUND
        assert station.asked.count("DeleteCertificate") == 1


@on_virtual_time
async def test_what_is_not_among_the_makers_is_not_deleted_from_a_station():
    """Its trust in us is none of the central's business."""
    async with World() as world:
        await world.settles()
        station = world.door.outcome = Station()
        station.held = [named(MAKER)]
        ours = Authority("site", now=START)
        answer = await world.central.ask("DeleteCertificate", {"certificateHashData": named(ours)})
        assert answer == NOT_FOUND
        assert "DeleteCertificate" not in station.asked


@on_virtual_time
async def test_a_station_without_the_extension():
    async with World() as world:
        await world.settles()
        world.door.outcome = lambda command: Refused("NotImplemented")
        assert await install(world, MANUFACTURER, MAKER.pem) == "NotSupported"
        assert await listed(world, MANUFACTURER) == "NotSupported"
        deletion = {"certificateHashData": named(MAKER)}
        assert await world.central.ask("DeleteCertificate", deletion) == "NotSupported"
        assert await install(world, CSMS, CA.pem) == ACCEPTED, "what is ours needs no station"
        assert await deliver(world, signed(await asked(world))) == ACCEPTED
        assert world.vault.names("stations/") == []


# --- rights ----------------------------------------------------------------------------------------------------------


@on_virtual_time
async def test_certificates_take_the_right_to_configure_and_lists_the_right_to_read():
    async with World(rights=frozenset({Right.READ})) as world:
        await world.settles()
        assert await install(world, CSMS, CA.pem) == {"status": "Failed"}
        assert await deliver(world, CA.pem) == REJECTED
        assert await world.central.ask("DeleteCertificate", {"certificateHashData": named(CA)}) == {"status": "Failed"}
        assert await listed(world, CSMS) == NOT_FOUND
        assert await world.central.ask("ExtendedTriggerMessage", TRIGGER) == ACCEPTED
    async with World(rights=frozenset({Right.CONFIGURATION})) as world:
        await world.settles()
        assert await install(world, CSMS, CA.pem) == ACCEPTED
        assert await listed(world, CSMS) == NOT_FOUND
        assert await world.central.ask("ExtendedTriggerMessage", TRIGGER) == REJECTED
