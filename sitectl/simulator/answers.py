"""How a station answers the nineteen messages that a central may send it in OCPP 1.6.

Each answer is a function of the charge point, the payload and the moment; what it obliges the station to send
afterwards (a triggered message, a reboot, the end of a transaction) is returned beside it or queued in the charge
point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sitectl.base.units import format_utc, parse_timestamp
from sitectl.simulator.charge_point import ChargePoint, Connector, StartRequest
from sitectl.simulator.link import Payload, Refusal
from sitectl.simulator.profiles import Profile

AUTHORIZATION_KEY = "AuthorizationKey"
SHORTEST_KEY, LONGEST_KEY = 16, 40  # security white paper, edition 3


@dataclass(frozen=True)
class Answer:
    """The payload of the CALLRESULT, the calls to make after it, and whether the station dials anew or reboots then."""

    payload: Payload
    calls: tuple[tuple[str, Payload], ...] = ()
    reboots: bool = False
    redials: bool = False


@dataclass(frozen=True)
class Request:
    station: ChargePoint
    payload: Payload
    now: datetime

    def connector(self) -> Connector | None:
        return self.station.connectors.get(self.payload["connectorId"])

    def connector_or_refuse(self) -> Connector:
        connector = self.connector()
        if connector is None:
            raise Refusal("PropertyConstraintViolation", "no such connector")
        return connector

    def known_connector(self) -> int:
        """The connector's number, 0 for the whole station; an unknown one is refused (errata 3.39)."""
        number = int(self.payload["connectorId"])
        return 0 if number == 0 else self.connector_or_refuse().number


def answer(station: ChargePoint, action: str, payload: Payload, now: datetime) -> Answer:
    """The answer to one call; raises Refusal where 1.6 wants a CALLERROR."""
    if action not in _ANSWERS:
        raise Refusal("NotImplemented", action)
    if (wrong := station.misbehaviour.answer(action, payload)) is not None:
        return Answer(wrong)
    return _ANSWERS[action](Request(station, payload, now))


def _status(status: str) -> Answer:
    return Answer({"status": status})


def _change_availability(request: Request) -> Answer:
    number, operative = request.known_connector(), request.payload["type"] == "Operative"
    chosen = [c for c in request.station.connectors.values() if number in (0, c.number)]
    for connector in chosen:
        connector.operative = operative
    return _status("Scheduled" if not operative and any(c.transaction for c in chosen) else "Accepted")


def _change_configuration(request: Request) -> Answer:
    if request.payload["key"] == AUTHORIZATION_KEY:
        return _take_password(request.station, str(request.payload["value"]))
    return _status(request.station.configuration.change(request.payload["key"], str(request.payload["value"])))


def _take_password(station: ChargePoint, value: str) -> Answer:
    """Shown from the next connection on, which it makes at once; as text, and never read back."""
    if not SHORTEST_KEY <= len(value) <= LONGEST_KEY:
        return _status("Rejected")
    station.password = value
    return Answer({"status": "Accepted"}, redials=True)


def _get_configuration(request: Request) -> Answer:
    return Answer(request.station.configuration.get(request.payload.get("key", [])))


def _clear_cache(request: Request) -> Answer:
    request.station.cache.clear()
    return _status("Accepted" if request.station.configuration.flag("AuthorizationCacheEnabled") else "Rejected")


def _set_charging_profile(request: Request) -> Answer:
    number, station = request.known_connector(), request.station
    try:
        profile = Profile.read(request.payload["csChargingProfiles"])
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal("PropertyConstraintViolation", str(error)) from error
    if profile.purpose == "ChargePointMaxProfile" and number != 0:
        return _status("Rejected")
    if profile.purpose == "TxProfile":
        connector = request.connector_or_refuse()
        station.tx_profiles_received += 1
        if connector.transaction is None or profile.transaction_id not in (None, connector.transaction.id):
            return _status("Rejected")
    station.profiles.install(number, profile, request.now)
    return _status("Accepted")


def _clear_charging_profile(request: Request) -> Answer:
    asked = [request.payload.get(k) for k in ("id", "connectorId", "chargingProfilePurpose", "stackLevel")]
    return _status("Accepted" if request.station.profiles.clear(*asked) else "Unknown")


def _get_composite_schedule(request: Request) -> Answer:
    number, station, now = request.known_connector(), request.station, request.now
    chosen = [c for c in station.connectors.values() if number in (0, c.number)]
    transaction = station.connectors[number].transaction if number else None
    periods = station.profiles.composite(
        number,
        now,
        int(request.payload["duration"]),
        transaction.started if transaction else None,
        sum(connector.spec.max_a for connector in chosen),
    )
    start = format_utc(now)
    schedule = {
        "duration": int(request.payload["duration"]),
        "startSchedule": start,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": periods,
    }
    return Answer({"status": "Accepted", "connectorId": number, "scheduleStart": start, "chargingSchedule": schedule})


def _remote_start(request: Request) -> Answer:
    station, wanted = request.station, request.payload.get("connectorId")
    free = [
        c
        for c in station.connectors.values()
        if wanted in (None, c.number) and c.transaction is None and c.operative
        if not c.finished or station.misbehaviour.starts_from_finishing
    ]
    if not free:
        return _status("Rejected")
    connector = next((c for c in free if c.vehicle is not None), free[0])
    raw = request.payload.get("chargingProfile")
    connector.request = StartRequest(
        str(request.payload["idTag"]),
        authorized=not station.configuration.flag("AuthorizeRemoteTxRequests"),
        until=request.now + timedelta(seconds=station.configuration.number("ConnectionTimeOut")),
        profile=Profile.read(raw) if raw is not None else None,
    )
    return _status("Accepted")


def _remote_stop(request: Request) -> Answer:
    for connector in request.station.connectors.values():
        if connector.transaction is not None and connector.transaction.id == request.payload["transactionId"]:
            request.station.stop(connector, "Remote", request.now)
            return _status("Accepted")
    return _status("Rejected")


def _reset(request: Request) -> Answer:
    for connector in request.station.connectors.values():
        request.station.stop(connector, f"{request.payload['type']}Reset", request.now)
    return Answer({"status": "Accepted"}, reboots=True)


def _unlock_connector(request: Request) -> Answer:
    connector = request.connector()
    if connector is None:
        return _status("NotSupported")
    request.station.stop(connector, "UnlockCommand", request.now)
    return _status("Unlocked")


def _trigger_message(request: Request) -> Answer:
    calls = triggered(
        request.station, request.payload["requestedMessage"], request.payload.get("connectorId"), request.now
    )
    return Answer({"status": "NotImplemented"}) if calls is None else Answer({"status": "Accepted"}, calls)


def triggered(
    station: ChargePoint, message: str, number: int | None, now: datetime
) -> tuple[tuple[str, Payload], ...] | None:
    """The calls that TriggerMessage asks for; None for a message that cannot be triggered."""
    chosen = [c for c in station.connectors.values() if number in (None, 0, c.number)]
    if message == "BootNotification":
        return (("BootNotification", boot(station)),)
    if message == "Heartbeat":
        return (("Heartbeat", {}),)
    if message == "StatusNotification":
        return tuple(("StatusNotification", status_notification(station, c.number, now)) for c in chosen)
    if message == "MeterValues":
        return tuple(("MeterValues", _triggered_sample(station, c, now)) for c in chosen)
    if message in ("DiagnosticsStatusNotification", "FirmwareStatusNotification"):
        return ((message, {"status": "Idle"}),)
    return None


def boot(station: ChargePoint) -> Payload:
    spec = station.spec
    return {
        "chargePointVendor": spec.vendor,
        "chargePointModel": spec.model,
        "chargePointSerialNumber": spec.id[:25],
        "firmwareVersion": spec.firmware,
    }


def status_notification(station: ChargePoint, number: int, now: datetime) -> Payload:
    status = station.connectors[number].status() if number else "Available"
    return {"connectorId": number, "status": status, "errorCode": "NoError", "timestamp": format_utc(now)}


def _triggered_sample(station: ChargePoint, connector: Connector, now: datetime) -> Payload:
    measurands = station.configuration.measurands("MeterValuesSampledData")
    payload: Payload = {
        "connectorId": connector.number,
        "meterValue": [station.sample(connector, measurands, "Trigger", now)],
    }
    if connector.transaction is not None and connector.transaction.id is not None:
        payload["transactionId"] = connector.transaction.id
    return payload


def _reserve_now(request: Request) -> Answer:
    connector, expiry = request.connector(), parse_timestamp(request.payload["expiryDate"])
    if connector is None or expiry is None:
        return _status("Rejected")  # connector 0: ReserveConnectorZeroSupported is false
    reservation_id = request.payload["reservationId"]
    if connector.reservation is not None and connector.reservation[0] != reservation_id:
        return _status("Occupied")
    if connector.vehicle is not None or not connector.operative:
        return _status("Occupied" if connector.operative else "Unavailable")
    connector.reservation = (reservation_id, str(request.payload["idTag"]), expiry[0])
    return _status("Accepted")


def _cancel_reservation(request: Request) -> Answer:
    for connector in request.station.connectors.values():
        if connector.reservation is not None and connector.reservation[0] == request.payload["reservationId"]:
            connector.reservation = None
            return _status("Accepted")
    return _status("Rejected")


def _send_local_list(request: Request) -> Answer:
    kept = request.station.local_list
    if not request.station.configuration.flag("LocalAuthListEnabled"):
        return _status("NotSupported")
    if request.payload["updateType"] == "Full":
        kept.tags.clear()
    elif request.payload["listVersion"] <= kept.version:
        return _status("VersionMismatch")
    for entry in request.payload.get("localAuthorizationList", []):
        if "idTagInfo" in entry:
            kept.tags[entry["idTag"]] = entry["idTagInfo"]["status"]
        else:
            kept.tags.pop(entry["idTag"], None)
    kept.version = int(request.payload["listVersion"])
    return _status("Accepted")


def _get_local_list_version(request: Request) -> Answer:
    return Answer({"listVersion": request.station.local_list.version})


def _data_transfer(request: Request) -> Answer:
    return _status("UnknownVendorId")


def _get_diagnostics(request: Request) -> Answer:
    return Answer({})  # no file name: there is nothing to upload


def _update_firmware(request: Request) -> Answer:
    return Answer({}, (("FirmwareStatusNotification", {"status": "DownloadFailed"}),))


_ANSWERS: dict[str, Callable[[Request], Answer]] = {
    "CancelReservation": _cancel_reservation,
    "ChangeAvailability": _change_availability,
    "ChangeConfiguration": _change_configuration,
    "ClearCache": _clear_cache,
    "ClearChargingProfile": _clear_charging_profile,
    "DataTransfer": _data_transfer,
    "GetCompositeSchedule": _get_composite_schedule,
    "GetConfiguration": _get_configuration,
    "GetDiagnostics": _get_diagnostics,
    "GetLocalListVersion": _get_local_list_version,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "ReserveNow": _reserve_now,
    "Reset": _reset,
    "SendLocalList": _send_local_list,
    "SetChargingProfile": _set_charging_profile,
    "TriggerMessage": _trigger_message,
    "UnlockConnector": _unlock_connector,
    "UpdateFirmware": _update_firmware,
}
