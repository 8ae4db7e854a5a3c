"""Row X4: a certificate and a password that are replaced under a running site. Newcomers meet the new ones, who is in
stays in, and what cannot be used is refused whole.
"""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.e2e.rig import basic, daemon, site
from tests.integration.test_reload import reloads
from tests.unit.security.test_tls import Authority

OLD, NEW = "the-password-of-yesterday", "the-password-of-tomorrow"


def dial(port: int, authority: Authority, password: str) -> Any:
    trusting = ssl.create_default_context(cafile=authority.ca)
    return connect(
        f"wss://127.0.0.1:{port}/CP01",
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        ssl=trusting,
        server_hostname="gateway",
        additional_headers=basic("CP01", password),
        proxy=None,
        open_timeout=30,
    )


def serial(station: ClientConnection) -> int:
    """Of the certificate that the site showed to this station."""
    shown = station.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(shown).serial_number


async def answers(station: ClientConnection, id: str) -> None:
    """It is served."""
    await station.send(f'[2,"{id}","Heartbeat",{{}}]')
    async with asyncio.timeout(30):
        while not str(await station.recv()).startswith(f'[3,"{id}"'):
            pass


async def test_newcomers_meet_the_new_ones_and_who_is_in_stays_in(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "site-ca")
    certificate, key = authority.issue("gateway")
    key.chmod(0o600)
    secret = tmp_path / "CP01.secret"
    secret.write_text(OLD)
    secret.chmod(0o600)
    tls = {"listen": "127.0.0.1:0", "certificate": str(certificate), "key": str(key)}
    listed = {"circuit": "grid", "max_a": 16, "phases": "L1", "password_file": str(secret)}
    ocpp = {"listen": "127.0.0.1:0", "security_profile": 2, "unknown_stations": "reject", "tls": tls}
    async with daemon(site(tmp_path, ocpp=ocpp, stations={"CP01": listed})) as running:
        port = int(running.log.partition("ocpp-tls=127.0.0.1:")[2].split()[0])
        async with dial(port, authority, OLD) as stays:
            before = serial(stays)
            key.write_text("half a key")
            await reloads(running, "the configuration was not taken, the one before goes on: ")
            assert "ocpp.tls.key" in running.log
            authority.issue("gateway")
            secret.write_text(NEW)
            await reloads(running)
            await answers(stays, "before")
            with pytest.raises(InvalidStatus) as refused:
                await dial(port, authority, OLD)
            assert refused.value.response.status_code == 401
            await answers(stays, "still")
        async with dial(port, authority, NEW) as comes:
            assert serial(comes) != before
            await answers(comes, "after")
        await running.stop()
