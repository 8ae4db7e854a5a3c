"""The stations room on real sockets over a real store, and a station built on the `ocpp` package."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from random import Random
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sitectl.base.clock import SystemClock
from sitectl.base.worker import ThreadWorker
from sitectl.config.settings import (
    Address,
    AuthorizationMode,
    AuthorizationSettings,
    OcppSettings,
    Settings,
    TlsSettings,
    UnknownStations,
)
from sitectl.model.ids import StationId
from sitectl.model.station import StationPlan
from sitectl.ocpp.v16 import copies
from sitectl.security.site_ca import SiteCa
from sitectl.security.vault import Vault
from sitectl.stations.stations import Stations
from sitectl.store.opening import Store, open_store
from tests.unit.stations.twins import CentralsTwin, Inbox, settings

CP = StationId("CP01")
FREE = AuthorizationSettings(AuthorizationMode.FREE)
SUBPROTOCOL: Any = ["ocpp1.6"]


@dataclass
class Door:
    """Whether the commissioning window is open."""

    commissioning: bool = False


class Site:
    """The room with its store."""

    def __init__(
        self, stations: Stations, settings: Settings, store: Store, inbox: Inbox, centrals: CentralsTwin
    ) -> None:
        self.stations = stations
        self.settings = settings
        self.store = store
        self.inbox = inbox
        self.centrals = centrals

    def url(self, station: str = "CP01") -> str:
        host, port = self.stations.server.addresses[0]
        return f"ws://{host}:{port}/ocpp/{station}"


@asynccontextmanager
async def site(
    folder: Path,
    *plans: StationPlan,
    passwords: dict[StationId, bytes] | None = None,
    commissioning: bool = False,
    unknown: UnknownStations = UnknownStations.QUARANTINE,
    tls: TlsSettings | None = None,
    door: Door | None = None,
) -> AsyncIterator[Site]:
    """`door` is whether the commissioning window is open, for a test that closes it."""
    door = door or Door(commissioning)
    clock = SystemClock()
    secrets = ThreadWorker("secrets")
    vault = Vault(folder / "credentials", secrets)
    await vault.open()
    store = await open_store(
        folder / "store.db", clock, Random(1), lambda stop, version: copies.stop({"meterStop": stop.meter_stop_wh})
    )
    ocpp = OcppSettings(Address("127.0.0.1", 0), (ip_network("10.0.0.0/8"),), tls, unknown_stations=unknown)
    inbox, centrals = Inbox(), CentralsTwin()
    configured = settings(*plans, authorization=FREE, ocpp=ocpp, passwords=passwords)
    stations = Stations(
        configured,
        inbox=inbox,
        journal=store.journal,
        ledger=store.ledger,
        centrals=centrals,
        store=store.stations,
        clock=clock,
        authority=SiteCa("yard", vault, clock, secrets),
        commissioning=lambda station: door.commissioning,
    )
    await stations.load()
    await stations.start()
    try:
        yield Site(stations, configured, store, inbox, centrals)
    finally:
        await stations.stop()
        await store.close()
        secrets.stop()


def basic(user: str, password: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + password).decode()}


async def refused(url: str, **more: Any) -> int:
    """The HTTP status that a client is turned away with; 101 when it is not."""
    try:
        async with connect(url, compression=None, **{"subprotocols": SUBPROTOCOL, **more}):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


async def until(true: Any, within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.01)


async def ask(raw: ClientConnection, action: str, payload: dict[str, Any], id: str | int = "ask") -> dict[str, Any]:
    """Call and give the answer; calls of the other side and answers to others are passed over."""
    await raw.send(json.dumps([2, id, action, payload]))
    return await answer_to(raw, id)


async def answer_to(raw: ClientConnection, id: str | int) -> dict[str, Any]:
    """The answer to the call with this id; a refusal never comes."""
    async with asyncio.timeout(30):
        while True:
            frame = json.loads(await raw.recv())
            if frame[0] == 3 and frame[1] == id:
                return dict(frame[2])


class Charger(ChargePoint):
    """A station on the `ocpp` package, which checks every frame of ours against the standard's schemas."""

    asked: list[str]

    async def start(self) -> None:
        try:
            await super().start()
        except ConnectionClosed:
            return

    def _note(self, action: str) -> None:
        self.__dict__.setdefault("asked", []).append(action)

    @on("GetConfiguration")
    def get_configuration(self, key: list[str] | None = None, **_: Any) -> Any:
        self._note("GetConfiguration")
        known = [{"key": "LocalPreAuthorize", "readonly": False, "value": "false"}]
        return call_result.GetConfiguration(configuration_key=known, unknown_key=["Other"])

    @on("ChangeConfiguration")
    def change_configuration(self, key: str, value: str, **_: Any) -> Any:
        self._note("ChangeConfiguration")
        return call_result.ChangeConfiguration("Accepted")

    @on("SetChargingProfile")
    def set_charging_profile(self, connector_id: int, cs_charging_profiles: Any, **_: Any) -> Any:
        self._note("SetChargingProfile")
        self.__dict__.setdefault("profiles", []).append(cs_charging_profiles)
        return call_result.SetChargingProfile("Accepted")


def _answering(action: str, answer: Any) -> Any:
    async def handler(self: Charger, **payload: Any) -> Any:
        self._note(action)
        self.__dict__.setdefault("told", {}).setdefault(action, []).append(payload)
        return answer

    handler.__name__ = f"answer_{action}"  # by this name the package looks for it
    return on(action)(handler)


ANSWERS: dict[str, Any] = {
    "CancelReservation": call_result.CancelReservation("Accepted"),
    "ChangeAvailability": call_result.ChangeAvailability("Accepted"),
    "ClearCache": call_result.ClearCache("Accepted"),
    "ClearChargingProfile": call_result.ClearChargingProfile("Accepted"),
    "DataTransfer": call_result.DataTransfer("Accepted"),
    "GetCompositeSchedule": call_result.GetCompositeSchedule("Rejected"),
    "GetDiagnostics": call_result.GetDiagnostics(),
    "GetLocalListVersion": call_result.GetLocalListVersion(1),
    "RemoteStartTransaction": call_result.RemoteStartTransaction("Accepted"),
    "RemoteStopTransaction": call_result.RemoteStopTransaction("Accepted"),
    "ReserveNow": call_result.ReserveNow("Accepted"),
    "Reset": call_result.Reset("Accepted"),
    "SendLocalList": call_result.SendLocalList("Accepted"),
    "TriggerMessage": call_result.TriggerMessage("Accepted"),
    "UnlockConnector": call_result.UnlockConnector("Unlocked"),
    "UpdateFirmware": call_result.UpdateFirmware(),
}
for _action, _answer in ANSWERS.items():
    setattr(Charger, f"answer_{_action}", _answering(_action, _answer))


@asynccontextmanager
async def charger(url: str, **more: Any) -> AsyncIterator[Charger]:
    async with connect(url, subprotocols=SUBPROTOCOL, **more) as connection:
        station = Charger(url.rpartition("/")[2], connection)
        task = asyncio.create_task(station.start())
        yield station
        task.cancel()


async def boots(station: Charger) -> None:
    answer = await station.call(call.BootNotification("One", "Acme"))
    assert answer.status == "Accepted"
