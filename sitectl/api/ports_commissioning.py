"""What the interface needs of the rooms behind it to bring a site to work and to prove it, by shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sitectl.model.ids import StationId, UplinkId
from sitectl.site.drills import Drill, DrillKind
from sitectl.stations.orders import NotOrdered


class NotTakenIn(Protocol):
    """Why a station was not adopted, or not forgotten."""

    @property
    def why(self) -> str:
        """In words."""

    @property
    def faults(self) -> Sequence[str]:
        """What would be wrong with the configuration, with place and cure."""

    @property
    def known(self) -> bool:
        """Whether there is such a station."""


class Adopting(Protocol):
    """Stations that are taken in at run time. Each raises EnvironmentFault where the disk takes nothing."""

    async def adopt(self, station: StationId, section: Mapping[str, object], source: str) -> NotTakenIn | None:
        """List a station, with its keys as in the configuration; None: it is listed now."""

    async def forget(self, station: StationId, source: str) -> NotTakenIn | None:
        """Let it be a stranger again."""

    async def open_window(self, for_s: float, source: str) -> datetime:
        """Pin what listed stations without a credential show, for so long; until when."""

    async def close_window(self, source: str) -> None:
        """End it now."""

    def window(self) -> datetime | None:
        """Until when it is open; None: it is not."""


class Notes(Protocol):
    """What is remembered of a commissioning. What writes raises EnvironmentFault where the disk takes nothing."""

    async def confirm(self, step: str, note: str, by: str, of: Mapping[str, Mapping[str, str]]) -> None:
        """A person says that a step is done, or does not apply. `of`: what was left to do, and what each is."""

    async def withdraw(self, step: str, by: str) -> None:
        """It is as it is seen again."""

    def confirmed(self) -> Mapping[str, tuple[str, str, str, Any]]:
        """By step: who, when, the note, and of what."""

    async def meter_tested(self, meter: str, outcome: Mapping[str, Any], by: str, of: Mapping[str, str]) -> None:
        """How a test of a meter went. `of`: how it is configured."""

    def meter_tests(self) -> Mapping[str, tuple[bool, str, Any]]:
        """By meter: whether its test passed, when it was, and of what."""

    async def recorded(self, by: str, of: Mapping[str, Mapping[str, str]]) -> None:
        """A record was made and signed now. `of`: all that it speaks of."""

    def newest_record(self) -> tuple[str, Any]:
        """When the last record was made ("": never), and of what."""


class DrillDoor(Protocol):
    """What is taken away under supervision."""

    @property
    def newest(self) -> Drill | None:
        """The last one since the start."""

    def begin(self, kind: DrillKind, target: str, for_s: float, by: str) -> Drill:
        """Begin one; raises DrillFailed where it cannot be done now."""

    def stop(self) -> bool:
        """Break off what runs; whether anything did."""

    async def keep(self, verdict: str, began: datetime, evidence: list[tuple[bool, str]], by: str) -> Drill:
        """The report of a drill with the daemon itself; raises EnvironmentFault where the disk does not take it."""

    def reports(self) -> Sequence[Mapping[str, Any]]:
        """The newest report of each thing that was ever taken away."""


class LegTrial(Protocol):
    """One virtual station at a central."""

    @property
    def state(self) -> str:
        """Where it stands."""

    @property
    def why(self) -> str:
        """What is amiss."""

    @property
    def heartbeat_ms(self) -> float | None:
        """How long an answer took; None: it was not asked, or is silent."""


class CentralTrial(Protocol):
    """A trial of a central."""

    @property
    def legs(self) -> Mapping[StationId, LegTrial]:
        """By station."""

    @property
    def token(self) -> str | None:
        """What it says of the token."""

    @property
    def ok(self) -> bool:
        """Whether all is well."""


class Centrals(Protocol):
    """The central CSMSs."""

    async def test(self, id: UplinkId, id_token: str | None = None) -> CentralTrial:
        """Try one by the connections that it has."""


class Pauses(Protocol):
    """Centrals that a person has paused."""

    async def pause(self, id: UplinkId, for_s: float, by: str) -> datetime:
        """Pause one for so long; until when. Raises EnvironmentFault, and then nothing has changed."""

    async def resume(self, id: UplinkId, by: str) -> bool:
        """End a pause now; whether there was one."""


class Passwords(Protocol):
    """New passwords for stations."""

    async def renew(self, station: StationId, by: str) -> str | NotOrdered:
        """Give a station a new password; the password, or why not. Raises EnvironmentFault."""


class Signer(Protocol):
    """Signs what is handed to people."""

    async def sign(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document with its signature."""
