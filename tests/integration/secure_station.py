"""A station with the security extension, on the `ocpp` package, which checks every frame against the schemas."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from ocpp.routing import on
from ocpp.v16 import call_result

from tests.integration.station_site import Charger

PEM = serialization.Encoding.PEM


class SecureCharger(Charger):
    """A station with the security extension: a key of its own, and a folder for its certificate."""

    folder: Path
    changes: dict[str, str]
    delivered: asyncio.Event
    roots: list[str]
    orders: list[dict[str, Any]]

    def prepare(self, folder: Path) -> None:
        self.folder, self.changes, self.delivered = folder, {}, asyncio.Event()
        self.roots, self.orders = [], []
        self.key = rsa.generate_private_key(65537, 2048)
        plain = serialization.NoEncryption()
        (folder / "station.key").write_bytes(
            self.key.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
        )

    def signing_request(self) -> str:
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"),
                x509.NameAttribute(NameOID.COMMON_NAME, self.id),
            ]
        )
        builder = x509.CertificateSigningRequestBuilder().subject_name(name)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(PEM).decode()

    @on("ExtendedTriggerMessage")
    def extended_trigger(self, requested_message: str, **_: Any) -> Any:
        self._note(f"trigger {requested_message}")
        return call_result.ExtendedTriggerMessage("Accepted")

    @on("CertificateSigned")
    def certificate_signed(self, certificate_chain: str) -> Any:
        leaf = x509.load_pem_x509_certificate(certificate_chain.encode())
        if leaf.public_key() != self.key.public_key():
            return call_result.CertificateSigned("Rejected")
        (self.folder / "station.pem").write_text(certificate_chain)
        self.delivered.set()
        return call_result.CertificateSigned("Accepted")

    @on("ChangeConfiguration")
    def change_configuration(self, key: str, value: str, **_: Any) -> Any:
        self.changes[key] = value
        return call_result.ChangeConfiguration("Accepted")

    @on("InstallCertificate")
    def install_certificate(self, certificate_type: str, certificate: str) -> Any:
        self._note(f"install {certificate_type}")
        self.roots.append(certificate)
        return call_result.InstallCertificate("Accepted")

    @on("GetInstalledCertificateIds")
    def get_installed_certificate_ids(self, certificate_type: str) -> Any:
        self._note(f"list {certificate_type}")
        if not self.roots:
            return call_result.GetInstalledCertificateIds("NotFound")
        return call_result.GetInstalledCertificateIds("Accepted", [_hash_data(root) for root in self.roots])

    @on("DeleteCertificate")
    def delete_certificate(self, certificate_hash_data: Any) -> Any:
        wanted = certificate_hash_data["serial_number"]
        left = [root for root in self.roots if _hash_data(root)["serial_number"] != wanted]
        found, self.roots = len(left) < len(self.roots), left
        return call_result.DeleteCertificate("Accepted" if found else "NotFound")

    @on("GetLog")
    def get_log(self, **order: Any) -> Any:
        self.orders.append(order)
        return call_result.GetLog("Accepted", "log.gz")

    @on("SignedUpdateFirmware")
    def signed_update_firmware(self, **order: Any) -> Any:
        self.orders.append(order)
        return call_result.SignedUpdateFirmware("Accepted")


def _hash_data(pem: str) -> dict[str, str]:
    root = x509.load_pem_x509_certificate(pem.encode())
    key = root.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return {
        "hash_algorithm": "SHA256",
        "issuer_name_hash": hashlib.sha256(root.issuer.public_bytes()).hexdigest(),
        "issuer_key_hash": hashlib.sha256(key).hexdigest(),
        "serial_number": f"{root.serial_number:x}",
    }
