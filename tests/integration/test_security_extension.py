"""All eleven messages of the security extension through the unmodified daemon, between a station and a central on
another implementation of OCPP, both over TLS."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ocpp.v16 import call
from websockets.asyncio.client import connect

from sitectl.security.tls import client_context, server_context
from tests.e2e.rig import Daemon, basic, daemon, site, sitectl, until
from tests.integration.csms import Csms, certificate_for_loopback, csms
from tests.integration.secure_station import SecureCharger, _hash_data
from tests.integration.station_site import SUBPROTOCOL, boots
from tests.integration.test_uplink_certificates import signed
from tests.unit.security.authority import Authority as Maker
from tests.unit.security.authority import new_key, text
from tests.unit.security.test_tls import Authority

FIRST, KEY = "staple of the first day", "00112233445566778899aabbccddeeff"
CSMS_ROOT, MAKERS_ROOT = "CentralSystemRootCertificate", "ManufacturerRootCertificate"


@asynccontextmanager
async def secure_central(folder: Path) -> AsyncIterator[tuple[Csms, Authority]]:
    root, key = certificate_for_loopback(folder)
    (folder / "authority").mkdir()
    authority = Authority(folder / "authority", "stations-ca")
    async with csms() as central:
        await central.close()
        await central.open(server_context(root, key, authority.ca))
        central.passwords = {"CP01": FIRST}
        yield central, authority


def secure_site(folder: Path, central: Csms) -> tuple[Path, Authority]:
    gateway = Authority(folder, "gateway-ca")
    certificate, key = gateway.issue("gw")
    for name, secret in (("station.txt", "correct-horse-battery"), ("central.txt", f"CP01:{FIRST}")):
        (folder / name).write_text(secret + "\n")
    for file in (key, folder / "station.txt", folder / "central.txt"):
        file.chmod(0o600)
    tls = {"listen": "127.0.0.1:0", "certificate": str(certificate), "key": str(key)}
    station = {"circuit": "grid", "max_a": 32, "phases": "L1L2L3", "password_file": "station.txt"}
    url = central.url.replace("ws://", "wss://")
    config = site(
        folder,
        ocpp={"listen": "127.0.0.1:0", "security_profile": 2, "unknown_stations": "reject", "tls": tls},
        stations={"CP01": station},
        uplinks={"central": {"url": url, "passwords_file": "central.txt", "ca": str(folder / "central.crt")}},
    )
    return config, gateway


@asynccontextmanager
async def station(running: Daemon, gateway: Authority, folder: Path) -> AsyncIterator[SecureCharger]:
    """The station, connected and booted; by its certificate as soon as it has one."""
    found = re.search(r"ocpp-tls=127\.0\.0\.1:(\d+)", running.log)
    assert found
    dialed: dict[str, Any] = {"server_hostname": "gateway", "subprotocols": SUBPROTOCOL}
    if (folder / "station.pem").exists():
        dialed["ssl"] = client_context(gateway.ca, folder / "station.pem", folder / "station.key")
    else:
        dialed |= {"ssl": client_context(gateway.ca), "additional_headers": basic("CP01", "correct-horse-battery")}
    async with connect(f"wss://127.0.0.1:{found[1]}/CP01", **dialed) as connection:
        charger = SecureCharger("CP01", connection)
        if (folder / "station.pem").exists():
            charger.changes, charger.roots, charger.orders = {}, [], []
        else:
            charger.prepare(folder)
        task = asyncio.create_task(charger.start())
        await boots(charger)
        yield charger
        task.cancel()


async def test_all_of_it_between_a_station_and_a_central(tmp_path: Path) -> None:
    async with secure_central(tmp_path) as (central, authority):
        config, gateway = secure_site(tmp_path, central)
        async with daemon(config, "--verbose") as running:
            async with station(running, gateway, tmp_path) as charger:
                await until(lambda: "CP01" in central.points and bool(central.of("BootNotification")))
                await _events(charger, central)
                await _its_own_certificate(charger, tmp_path)
                await _ours(central, authority, charger)
                await _roots(central, charger)
                await _logs(charger, central)
                number = await _firmware(charger, central)
            await running.kill()
            await running.start()
            async with station(running, gateway, tmp_path) as charger:
                await charger.call(call.SignedFirmwareStatusNotification(status="Installed", request_id=number))
                await until(lambda: len(central.of("SignedFirmwareStatusNotification")) == 4, 30)
                last = central.of("SignedFirmwareStatusNotification")[-1]
                assert last == {"status": "Installed", "request_id": 77}
                assert central.shown[-1] == ("CP01", "CP01", False), "our certificate is kept"
            shown = await sitectl("timeline", "CP01", "--json", "--socket", running.socket)
            assert "AuthorizationKey" in shown.out
            assert KEY not in shown.out
            _nothing_secret(running, tmp_path)
            await running.stop()


async def _events(charger: SecureCharger, central: Csms) -> None:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    tamper = call.SecurityEventNotification(type="TamperDetectionActivated", timestamp=stamp, tech_info="the door")
    await charger.call(tamper)
    expected = {"type": "TamperDetectionActivated", "timestamp": stamp, "tech_info": "the door"}
    await until(lambda: expected in central.of("SecurityEventNotification"))
    await until(lambda: "StartupOfTheDevice" in {e["type"] for e in central.of("SecurityEventNotification")})


async def _its_own_certificate(charger: SecureCharger, folder: Path) -> None:
    """The site's authority signs it; the central hears nothing of it."""
    answer = await charger.call(call.SignCertificate(csr=charger.signing_request()))
    assert answer.status == "Accepted"
    async with asyncio.timeout(20):
        await charger.delivered.wait()
    key = folder / "data" / "credentials" / "site-ca" / "key.pem"
    assert key.stat().st_mode & 0o777 == 0o600


async def _ours(central: Csms, authority: Authority, charger: SecureCharger) -> None:
    """The central delivers a certificate for our connection to it; the station hears nothing of it."""
    point = central.points["CP01"]
    trigger = call.ExtendedTriggerMessage(requested_message="SignChargePointCertificate")
    assert (await point.call(trigger)).status == "Accepted"
    await until(lambda: bool(central.of("SignCertificate")))
    chain = signed(authority, central.of("SignCertificate")[0]["csr"])
    assert (await point.call(call.CertificateSigned(certificate_chain=chain))).status == "Accepted"
    assert (await point.call(call.ChangeConfiguration(key="AuthorizationKey", value=KEY))).status == "Accepted"
    central.passwords, central.wants_certificates = {"CP01": bytes.fromhex(KEY)}, True
    assert (await point.call(call.ChangeConfiguration(key="SecurityProfile", value="3"))).status == "Accepted"
    await until(lambda: ("CP01", "CP01", False) in central.shown and central.points.get("CP01") is not point, 30)
    await until(lambda: len(central.of("BootNotification")) == 2)
    assert not {"AuthorizationKey", "SecurityProfile"} & charger.changes.keys()
    assert "trigger SignChargePointCertificate" not in charger.asked


async def _roots(central: Csms, charger: SecureCharger) -> None:
    point = central.points["CP01"]
    now = datetime.now(UTC).replace(microsecond=0)
    ours, maker = Maker("another root of the central", now=now), Maker("maker", now=now)
    for use, root in ((CSMS_ROOT, ours), (MAKERS_ROOT, maker)):
        install = call.InstallCertificate(certificate_type=use, certificate=root.pem)
        assert (await point.call(install)).status == "Accepted"
    listed = await point.call(call.GetInstalledCertificateIds(certificate_type=MAKERS_ROOT))
    assert listed.certificate_hash_data == [_hash_data(maker.pem)]
    listed = await point.call(call.GetInstalledCertificateIds(certificate_type=CSMS_ROOT))
    assert _hash_data(ours.pem) in listed.certificate_hash_data
    for root in (ours, maker):
        delete = call.DeleteCertificate(certificate_hash_data=_hash_data(root.pem))
        assert (await point.call(delete)).status == "Accepted"
    assert [word for word in charger.asked if CSMS_ROOT in word] == []
    assert charger.roots == []


async def _logs(charger: SecureCharger, central: Csms) -> None:
    point = central.points["CP01"]
    for kind, request_id in (("DiagnosticsLog", 5), ("SecurityLog", 6)):
        log = {"remote_location": "https://files.example/in"}
        answer = await point.call(call.GetLog(log=log, log_type=kind, request_id=request_id))
        assert (answer.status, answer.filename) == ("Accepted", "log.gz")
        number = charger.orders[-1]["request_id"]
        assert number != request_id
        for status in ("Uploading", "Uploaded"):
            await charger.call(call.LogStatusNotification(status=status, request_id=number))
    await until(lambda: len(central.of("LogStatusNotification")) == 4)
    told = [(status["request_id"], status["status"]) for status in central.of("LogStatusNotification")]
    assert told == [(5, "Uploading"), (5, "Uploaded"), (6, "Uploading"), (6, "Uploaded")]


async def _firmware(charger: SecureCharger, central: Csms) -> int:
    now = datetime.now(UTC).replace(microsecond=0)
    maker = Maker("maker", now=now)
    point = central.points["CP01"]
    install = call.InstallCertificate(certificate_type=MAKERS_ROOT, certificate=maker.pem)
    assert (await point.call(install)).status == "Accepted"

    def update(signer: str) -> call.SignedUpdateFirmware:
        firmware = {
            "location": "https://files.example/f.bin",
            "retrieve_date_time": (now + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "signing_certificate": signer,
            "signature": "c2lnbmF0dXJl",
        }
        return call.SignedUpdateFirmware(request_id=77, firmware=firmware)

    stranger = Maker("stranger", now=now)
    refused = await point.call(update(text(stranger.issue("x", new_key()))))
    assert refused.status == "InvalidCertificate"
    signer = text(maker.issue("release", new_key()))
    assert (await point.call(update(signer))).status == "Accepted"
    order = charger.orders[-1]
    assert (order["firmware"]["signature"], order["firmware"]["signing_certificate"]) == ("c2lnbmF0dXJl", signer)
    number = int(order["request_id"])
    for status in ("Downloading", "Downloaded", "Installing"):
        await charger.call(call.SignedFirmwareStatusNotification(status=status, request_id=number))
    await until(lambda: len(central.of("SignedFirmwareStatusNotification")) == 3)
    assert {told["request_id"] for told in central.of("SignedFirmwareStatusNotification")} == {77}
    return number


def _nothing_secret(running: Daemon, folder: Path) -> None:
    for file in folder.glob("*.log"):
        said = file.read_text()
        assert KEY not in said
        assert FIRST not in said
        assert "PRIVATE KEY" not in said
    credentials = folder / "data" / "credentials"
    for path in credentials.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    others = [path for path in (folder / "data").rglob("*") if path.is_file() and credentials not in path.parents]
    assert others
    assert not any(KEY.encode() in path.read_bytes() for path in others)
