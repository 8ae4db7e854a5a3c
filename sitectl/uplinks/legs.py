"""How each virtual station proves to one central who it is, and what becomes of a change that the central ordered.

A leg is our own connection to a central: security profile, password, certificate. It begins as configured; the central
may raise the profile, set another password, deliver a certificate. Such a change is on trial: it is used from the next
connection on, and where the central refuses it the one before is tried again, in turn, until one of them is let in. So
neither a change that the central did not carry out itself nor one that it forgot locks a station out.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any

import orjson

from sitectl.base.errors import EnvironmentFault
from sitectl.config.settings import UplinkSettings
from sitectl.model.ids import StationId
from sitectl.security.vault import segment
from sitectl.uplinks.ports import Rooms

log = logging.getLogger(__name__)

MUTUAL_TLS = 3
MOST_OTHERS = 7
"""Legs that are kept to be tried: three orders in a row, of which the central may have carried out any."""
SHORTEST_HEX = 32
"""Hexadecimal digits of a key of 16 bytes (1.6 security white paper): sent as bytes, or by some as the text it is."""


class Form(Enum):
    """How a key is sent in the header."""

    UNKNOWN = ""
    BYTES = "bytes"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Leg:
    """One way to prove it. `certificate` is the name of a delivered one; None: the configured one, if there is any.

    `with_key`: the key is sent on profile 3 too, because somebody configured both.
    """

    profile: int
    key: str | None = field(default=None, repr=False)
    form: Form = Form.TEXT
    certificate: str | None = None
    with_key: bool = False

    @property
    def password(self) -> bytes | None:
        """What is sent in the header; None: nothing."""
        if self.key is None or not (self.profile in (1, 2) or self.with_key):
            return None
        return bytes.fromhex(self.key) if self.form is Form.BYTES else self.key.encode()

    @property
    def shown(self) -> str | None:
        """The delivered certificate that is shown."""
        return self.certificate if self.profile >= MUTUAL_TLS else None

    def spellings(self) -> list[Leg]:
        """The ways to send it; more than one while it is not known which of them the central means."""
        if self.form is not Form.UNKNOWN:
            return [self]
        forms = (Form.BYTES, Form.TEXT) if is_hexadecimal(self.key or "") else (Form.TEXT,)
        return [replace(self, form=form) for form in forms]

    def same_as(self, other: Leg) -> bool:
        """Whether they differ in the spelling at most."""
        return replace(self, form=Form.TEXT) == replace(other, form=Form.TEXT)


def is_hexadecimal(key: str) -> bool:
    """Whether a key is written as the white paper has it."""
    return len(key) >= SHORTEST_HEX and len(key) % 2 == 0 and all(c in "0123456789abcdefABCDEF" for c in key)


class Failure(Enum):
    """Why a connection did not come about."""

    DENIED = "the central refused who we are"
    BROKEN = "it ended in the middle: of TLS, or because of it"
    UNREACHABLE = "nobody answered, or busy"


@dataclass(slots=True)
class _Held:
    """`trial`: `current` was never let in. `others`: what is tried where it is refused, first what was let in last.

    `turn`: what is next.
    """

    base: str
    current: Leg
    others: tuple[Leg, ...] = ()
    trial: bool = False
    turn: int = 0

    def attempts(self) -> list[Leg]:
        return [spelled for leg in (self.current, *self.others) for spelled in leg.spellings()]

    def changed(self, **changes: Any) -> _Held:
        """One more order of the central. Of several that it gave it may have carried out some: all of it is tried."""
        proven = self.others[0] if self.trial and self.others else self.current
        every = (self.current, proven, *self.others)
        first, *others = (replace(self.current, **changes), proven, *(replace(one, **changes) for one in every), *every)
        distinct = [one for one in dict.fromkeys(others) if one != first]
        return _Held(self.base, first, tuple(distinct[:MOST_OTHERS]), trial=True)

    def proven(self, leg: Leg) -> _Held:
        """This one was let in. What was refused may be taken later, but never in place of what is safer."""
        if leg.same_as(self.current):
            return _Held(self.base, leg, () if self.trial else self.others)
        refused = [one for one in (self.current, *self.others) if not leg.same_as(one) and one.profile >= leg.profile]
        return _Held(self.base, leg, tuple(refused))


Told = Callable[[StationId, str], None]


class Legs:
    """The legs of all stations to one central. `told` hears what became of a change."""

    def __init__(self, settings: UplinkSettings, rooms: Rooms, told: Told) -> None:
        self._settings = settings
        self._rooms = rooms
        self._told = told
        self._held: dict[StationId, _Held] = {}
        self._writing = asyncio.Lock()

    def reconfigure(self, settings: UplinkSettings) -> None:
        """Another configuration: where it says something new of a station, that is tried before what is held."""
        self._settings = settings
        self._held.clear()

    # --- what holds --------------------------------------------------------------------------------------------------

    def current(self, station: StationId) -> Leg:
        """The newest, proven or not."""
        return self._of(station).current

    def attempt(self, station: StationId) -> Leg:
        """What to try with the next connection."""
        held = self._of(station)
        attempts = held.attempts()
        return attempts[held.turn % len(attempts)]

    def certificates(self, station: StationId) -> set[str]:
        """The delivered certificates that may still be shown."""
        held = self._of(station)
        return {leg.certificate for leg in (held.current, *held.others) if leg.certificate}

    async def change(self, station: StationId, **changes: Any) -> None:
        """What the central ordered; on disk when this returns. Raises EnvironmentFault, and then nothing changed."""
        async with self._writing:
            held = self._of(station)
            changed = held.changed(**changes)
            await self._write(station, changed)
            self._held[station] = changed

    # --- what becomes of it ------------------------------------------------------------------------------------------

    def failed(self, station: StationId, failure: Failure) -> None:
        """The attempt was in vain: whether the next one is made in another way."""
        held = self._of(station)
        attempts = held.attempts()
        match failure:
            case Failure.DENIED:
                turns = True
            case Failure.BROKEN:
                turns = len({(leg.profile, leg.shown) for leg in attempts}) > 1
            case Failure.UNREACHABLE:
                turns = len({is_encrypted(self._settings, leg) for leg in attempts}) > 1
        if turns:
            held.turn = (held.turn + 1) % len(attempts)

    def opened(self, station: StationId, leg: Leg) -> None:
        """The central let this one in."""
        held = self._of(station)
        held.turn = 0
        if leg == held.current and not held.trial:
            return
        if not any(leg.same_as(one) for one in (held.current, *held.others)):
            return  # it was changed meanwhile, and the connection ends
        if not leg.same_as(held.current):
            self._told(station, "the central refused the new credentials: the ones before hold again")
        elif held.trial:
            self._told(station, "the new credentials hold")
        self._held[station] = held.proven(leg)
        self._rooms.spawn(self._keep(station), f"credentials of {station}")

    async def _keep(self, station: StationId) -> None:
        """What was found out, on disk; lost, it is found out again."""
        try:
            async with self._writing:
                await self._write(station, self._of(station))
        except EnvironmentFault as fault:
            log.warning("%s/%s: which credentials hold is not on disk: %s", self._settings.id, station, fault)

    # --- on disk -----------------------------------------------------------------------------------------------------

    def _of(self, station: StationId) -> _Held:
        held = self._held.get(station)
        if held is None:
            held = self._held[station] = self._read(station)
        return held

    def _read(self, station: StationId) -> _Held:
        base = configured(self._settings, station)
        mark = _mark(self._settings, base)
        text = self._rooms.vault.held(self._name(station))
        kept = None if text is None else _decoded(text)
        if kept is None:
            return _Held(mark, base)
        if kept.base == mark:
            return kept
        # Somebody changed the configuration since: that is newer, unless the central thinks otherwise.
        return _Held(mark, base, (kept.current, *kept.others)[:MOST_OTHERS], trial=True)

    async def _write(self, station: StationId, held: _Held) -> None:
        await self._rooms.vault.write({self._name(station): _encoded(held)})

    def _name(self, station: StationId) -> str:
        return f"{folder(self._settings, station)}/leg.json"


def folder(settings: UplinkSettings, station: StationId) -> str:
    """Where the secrets of one leg lie in the vault."""
    return f"uplinks/{segment(settings.id)}/stations/{segment(station)}"


def configured(settings: UplinkSettings, station: StationId) -> Leg:
    """The leg as the configuration has it."""
    key, certified = settings.passwords.get(station), settings.certificate is not None
    if settings.url.startswith("wss://"):
        return Leg(3 if certified else 2, key, with_key=certified and key is not None)
    return Leg(0 if key is None else 1, key)


def is_encrypted(settings: UplinkSettings, leg: Leg) -> bool:
    """Whether this leg goes over TLS."""
    return leg.profile >= 2 or settings.url.startswith("wss://")


def _mark(settings: UplinkSettings, base: Leg) -> str:
    """What the configuration says of a leg, as one word: by it a change of the configuration is seen."""
    said = f"{settings.url}\0{base.key}\0{settings.certificate}"
    return hashlib.sha256(said.encode()).hexdigest()


def _encoded(held: _Held) -> bytes:
    legs = {"current": asdict(held.current), "others": [asdict(leg) for leg in held.others]}
    return orjson.dumps({"base": held.base, "trial": held.trial, **legs})


def _decoded(text: bytes) -> _Held | None:
    try:
        read = orjson.loads(text)
        others = tuple(_leg(other) for other in read["others"])
        return _Held(str(read["base"]), _leg(read["current"]), others, read["trial"] is True)
    except (ValueError, KeyError, TypeError):
        return None


def _leg(read: Any) -> Leg:
    return Leg(int(read["profile"]), read["key"], Form(read["form"]), read["certificate"], read["with_key"] is True)
