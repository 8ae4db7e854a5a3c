"""HTTP Basic as stations send it, comparison in constant time, and pins with a slow hash."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

PASSWORD_PIN = "password:"
CERTIFICATE_PIN = "certificate:"
ADDRESS_PIN = "address:"

# About 10 ms and 4 MB a hash: dear enough for somebody who stole the store, cheap enough for a restart with a thousand
# pinned stations that all come back at once (in a worker thread, each once).
_N, _R, _P = 2**12, 8, 1


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """User and password of an Authorization header. The password is bytes: 1.6 stations send 16 to 20 random ones."""

    user: str
    password: bytes = field(repr=False)


def parse_basic(header: str | None) -> BasicCredentials | None:
    """Read an Authorization header; None when it is absent or is no HTTP Basic (RFC 7617).

    The user ends at the first colon; everything after it is the password, whatever its bytes are.
    """
    if header is None:
        return None
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(value.strip().encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    user, colon, password = decoded.partition(b":")
    if not colon:
        return None
    return BasicCredentials(user.decode("utf-8", "replace"), password)


def basic_header(user: str, password: bytes) -> str:
    """Write an Authorization header."""
    return "Basic " + base64.b64encode(user.encode() + b":" + password).decode("ascii")


def same_password(configured: bytes, presented: bytes) -> bool:
    """Whether two passwords are the same, in any of the three forms that stations send, in constant time.

    OCPP-J 1.6 (security white paper, edition 3) transfers the key as hexadecimal digits and sends the bytes behind them
    in the header; many stations send the digits, and some servers were given the bytes. All three name one secret.
    """
    same = hmac.compare_digest(configured, presented)
    same |= _is_hex_of(configured, presented)
    same |= _is_hex_of(presented, configured)
    return same


def _is_hex_of(text: bytes, raw: bytes) -> bool:
    """Whether `text` is the hexadecimal spelling of `raw`, in either case; never for fewer than eight bytes."""
    return len(raw) >= 8 and hmac.compare_digest(raw.hex().encode(), text.lower())


# --- pins ------------------------------------------------------------------------------------------------------------


def pin_password(password: bytes) -> str:
    """A pin that tells nobody the password. Takes about 10 ms: not for the event loop."""
    salt = os.urandom(16)
    return f"{PASSWORD_PIN}scrypt${salt.hex()}${_slow_hash(password, salt).hex()}"


def pin_certificate(fingerprint: str) -> str:
    """A pin of a client certificate by its SHA-256 fingerprint."""
    return CERTIFICATE_PIN + fingerprint.lower()


def pin_address(address: str) -> str:
    """A pin of an address, for a station that shows nothing else."""
    return ADDRESS_PIN + address


def pins_of(credential: str | None) -> list[str]:
    """The pins of a credential, the newest first; several while a new password is on its way to the station."""
    return credential.split("\n") if credential else []


def join_pins(pins: Iterable[str]) -> str | None:
    """Several pins as one credential; None: there are none."""
    return "\n".join(dict.fromkeys(pins)) or None


def password_fits(pin: str, password: bytes) -> bool:
    """Whether a password is the pinned one. Takes about 10 ms: not for the event loop. False for any other pin."""
    scheme, _, rest = pin.removeprefix(PASSWORD_PIN).partition("$")
    salt, _, digest = rest.partition("$")
    if not pin.startswith(PASSWORD_PIN) or scheme != "scrypt":
        return False
    try:
        expected, salt_bytes = bytes.fromhex(digest), bytes.fromhex(salt)
    except ValueError:
        return False
    return hmac.compare_digest(_slow_hash(password, salt_bytes), expected)


def _slow_hash(password: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=_N, r=_R, p=_P, dklen=32)


class PinVerifier:
    """Checks passwords against pins, each pair once: a crowd that reconnects costs a fast keyed hash a station.

    What is remembered is a keyed hash under a key that only this process knows. Bounded: the pair that was not seen for
    longest is forgotten first, and only costs a slow hash again.
    """

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._key = os.urandom(32)
        self._known: OrderedDict[bytes, bool] = OrderedDict()
        self._worker: ThreadPoolExecutor | None = None

    async def check(self, pin: str, password: bytes) -> bool:
        """Whether the password is the pinned one; a pair seen for the first time is hashed in a worker thread."""
        mark = self._mark(pin, password)
        fits = self._known.get(mark)
        if fits is None:
            fits = await asyncio.get_running_loop().run_in_executor(self._thread(), password_fits, pin, password)
            self._remember(mark, fits)
        else:
            self._known.move_to_end(mark)
        return fits

    async def pin(self, password: bytes) -> str:
        """A new pin for this password, hashed in a worker thread and remembered as fitting."""
        made = await asyncio.get_running_loop().run_in_executor(self._thread(), pin_password, password)
        self._remember(self._mark(made, password), True)
        return made

    def close(self) -> None:
        """End the worker thread, if there is one."""
        if self._worker is not None:
            self._worker.shutdown(wait=False, cancel_futures=True)
            self._worker = None

    def _thread(self) -> ThreadPoolExecutor:
        # One thread: guessing at many pins at once must not take the cores away from the control cycle.
        if self._worker is None:
            self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pins")
        return self._worker

    def _mark(self, pin: str, password: bytes) -> bytes:
        return hashlib.blake2b(pin.encode() + b"\0" + password, key=self._key, digest_size=16).digest()

    def _remember(self, mark: bytes, fits: bool) -> None:
        self._known[mark] = fits
        if len(self._known) > self._size:
            self._known.popitem(last=False)
