"""The roots of a central: installed, replaced by their own successors, named by hashes, deleted."""

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from sitectl.config.settings import UplinkSettings
from sitectl.model.ids import UplinkId
from sitectl.model.security import HashAlgorithm
from sitectl.security.certificates import hash_data
from sitectl.security.tls import client_context
from sitectl.uplinks import roots as module
from sitectl.uplinks.roots import Deleted, Installed, Roots
from tests.unit.security.authority import NOW, Authority, new_key, text
from tests.unit.uplinks.vault import VaultTwin

CENTRAL = UplinkId("central")
ONE, TWO = Authority("one"), Authority("two")
NEXT = Authority("next", ONE)


def roots(vault: VaultTwin | None = None, ca: Path | None = None) -> Roots:
    return Roots(UplinkSettings(CENTRAL, "wss://c", ca=ca), vault or VaultTwin())


async def install(store: Roots, pem: str, *, additional_check: bool = False) -> Installed:
    return (await store.install(pem, NOW, additional_check=additional_check))[0]


async def test_what_is_installed_is_trusted_listed_and_survives():
    vault = VaultTwin()
    store = roots(vault)
    assert store.hashes() == []
    assert await install(store, ONE.pem) is Installed.ACCEPTED
    assert await install(store, TWO.pem) is Installed.ACCEPTED
    assert store.version == 2
    again = roots(vault)
    assert sorted(again.pem) == sorted([ONE.pem, TWO.pem])
    expected = {hash_data(one.certificate, one.certificate) for one in (ONE, TWO)}
    assert set(again.hashes()) == expected
    trusted = client_context(roots=again.pem).get_ca_certs()
    subjects = {name for ca in trusted for part in ca["subject"] for _, name in part}
    assert {"one", "two"} <= subjects


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        ("rubbish", "no certificate"),
        (ONE.pem + TWO.pem, "2 certificates"),
        (NEXT.pem, "not signed by itself"),
        (Authority("leaf", ca=False).pem, "no authority"),
        (Authority("old", now=NOW - timedelta(days=900)).pem, "not valid after"),
        (text(ONE.issue("one", new_key(1024), ca=True)), "1024 bits"),
    ],
)
async def test_what_is_no_root_is_rejected(pem, why):
    store = roots()
    came, told = await store.install(pem, NOW, additional_check=False)
    assert came is Installed.REJECTED
    assert why in told
    assert store.pem == []


async def test_a_full_store_and_a_full_disk(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST", 1)
    vault = VaultTwin()
    store = roots(vault)
    vault.full = True
    assert await install(store, ONE.pem) is Installed.FAILED
    vault.full = False
    assert await install(store, ONE.pem) is Installed.ACCEPTED
    assert await install(store, ONE.pem) is Installed.ACCEPTED, "again is no other"
    assert await install(store, TWO.pem) is Installed.REJECTED


async def test_with_the_additional_check_a_root_is_replaced_by_one_that_it_has_signed():
    store = roots()
    assert await install(store, ONE.pem, additional_check=True) is Installed.ACCEPTED, "the first has none before it"
    assert await install(store, TWO.pem, additional_check=True) is Installed.REJECTED
    assert await install(store, NEXT.pem, additional_check=True) is Installed.ACCEPTED
    assert sorted(store.pem) == sorted([ONE.pem, NEXT.pem]), "the old one is its fallback"
    last = Authority("last", NEXT)
    assert await install(store, last.pem, additional_check=True) is Installed.ACCEPTED
    assert sorted(store.pem) == sorted([NEXT.pem, last.pem])
    expected = [hash_data(NEXT.certificate, ONE.certificate), hash_data(last.certificate, NEXT.certificate)]
    assert set(store.hashes()) == set(expected), "named by who signed it, also when that is gone"


@pytest.mark.parametrize("algorithm", list(HashAlgorithm))
async def test_deleting_by_any_algorithm(algorithm):
    store = roots()
    await install(store, ONE.pem)
    await install(store, TWO.pem)
    wanted = hash_data(ONE.certificate, ONE.certificate, algorithm)
    assert (await store.delete(wanted))[0] is Deleted.ACCEPTED
    assert store.pem == [TWO.pem]
    assert (await store.delete(wanted))[0] is Deleted.NOT_FOUND


async def test_what_is_configured_is_listed_and_stays(tmp_path: Path):
    file = tmp_path / "ca.pem"
    file.write_text(ONE.pem)
    store = roots(ca=file)
    wanted = hash_data(ONE.certificate, ONE.certificate)
    assert store.hashes() == [wanted]
    assert (await store.delete(wanted))[0] is Deleted.FAILED
    assert await install(store, NEXT.pem, additional_check=True) is Installed.ACCEPTED
    assert await install(store, TWO.pem, additional_check=True) is Installed.REJECTED


async def test_a_full_disk_keeps_a_root():
    vault = VaultTwin()
    store = roots(vault)
    await install(store, ONE.pem)
    vault.full = True
    assert (await store.delete(hash_data(ONE.certificate, ONE.certificate)))[0] is Deleted.FAILED
    assert store.pem == [ONE.pem]


def test_a_successor_is_trusted_without_its_predecessor():
    context = client_context(roots=[NEXT.pem])
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
