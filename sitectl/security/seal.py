"""The gateway's own key, by which it signs what it hands to people: a record can be shown to be its, and unchanged.

Ed25519 (RFC 8032): deterministic, and small enough to be printed. Made when the first thing is signed; it never leaves
the vault. What is signed is JSON in one spelling: sorted keys, no blanks, UTF-8.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import orjson

from sitectl.base.errors import EnvironmentFault
from sitectl.base.worker import Worker
from sitectl.security.vault import Vault

KEY = "gateway/key.pem"
FIELD = "signature"
ALGORITHM = "Ed25519"


class Seal:
    """Signs with the key in the vault."""

    def __init__(self, vault: Vault, worker: Worker) -> None:
        self._vault = vault
        self._worker = worker
        self._opening = asyncio.Lock()

    async def sign(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document with its signature. Raises EnvironmentFault where there is no key and none can be kept."""
        async with self._opening:
            key = self._vault.held(KEY)
            if key is None:
                key = await self._worker.do(_made)
                await self._vault.write({KEY: key})
        held = key
        return await self._worker.do(lambda: _signed(held, document))


def verify(document: Mapping[str, Any]) -> str | None:
    """What is wrong with the signature of a document; None: it is as it was signed, by the key that it names."""
    from cryptography.exceptions import InvalidSignature  # with what signs: 12 MB that a daemon rarely needs
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    told = document.get(FIELD)
    if not isinstance(told, Mapping) or told.get("algorithm") != ALGORITHM:
        return "it is not signed"
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(str(told["public_key"]), validate=True))
        key.verify(base64.b64decode(str(told["value"]), validate=True), spelled(document))
    except InvalidSignature:
        return "it was changed after it was signed"
    except (KeyError, ValueError, TypeError):
        return "its signature cannot be read"
    return None


def spelled(document: Mapping[str, Any]) -> bytes:
    """What is signed of it."""
    return orjson.dumps({k: v for k, v in document.items() if k != FIELD}, option=orjson.OPT_SORT_KEYS)


def _made() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    kind = serialization.PrivateFormat.PKCS8
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())


def _signed(pem: bytes, document: Mapping[str, Any]) -> dict[str, Any]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except ValueError as error:
        raise EnvironmentFault(f"the file {KEY} cannot be read: restore it") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise EnvironmentFault(f"{KEY} is no key of ours: restore it")
    raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    signature = {
        "algorithm": ALGORITHM,
        "public_key": base64.b64encode(key.public_key().public_bytes(*raw)).decode(),
        "value": base64.b64encode(key.sign(spelled(document))).decode(),
    }
    return {**document, FIELD: signature}
