"""One call of a central, from right to reply.

A central talks to the station that we play. Reading is answered from what is known; commands go through the station's
one door, so that budgets and healing see them; charging profiles become Ceilings. Where something cannot be done the
answer is the action's own "no": centrals take a CALLERROR for a bug.
"""

from __future__ import annotations

from collections.abc import Awaitable

from sitectl.base.clock import Clock
from sitectl.model.commands import (
    ChangeAvailability,
    GetVariables,
    RequestStart,
    RequestStop,
    ResetStation,
    SetVariable,
    TransferData,
    TriggerMessage,
    UnlockConnector,
    Urgency,
)
from sitectl.model.files import FileKind, FileOrder
from sitectl.model.transaction import Payload
from sitectl.model.uplink import Right
from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import central_decode, central_encode
from sitectl.ocpp.v16.actions import ACTIONS, SECURITY_ACTIONS
from sitectl.ocpp.v16.central_decode import Asked, StartAsked, StopAsked
from sitectl.ocpp.v16.central_lists import CacheCleared, ListSent, ListVersionAsked
from sitectl.ocpp.v16.central_reservations import CancelAsked, ReserveAsked
from sitectl.ocpp.v16.central_schedules import ScheduleAsked
from sitectl.ocpp.v16.central_security import (
    CertificateDelivered,
    CertificatesAsked,
    CertificateToDelete,
    CertificateToInstall,
    ExtendedTrigger,
    SecurityAsked,
)
from sitectl.ocpp.v16.charging_profiles import Invalid, ProfilesCleared, ProfileSet
from sitectl.ocpp.v16.configuration import KeyClass, key_class
from sitectl.ocpp.versions import ErrorCode
from sitectl.routing.rights import may, passes
from sitectl.uplinks.asking import Admission, Asker
from sitectl.uplinks.blocks import Blocks
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.relay import note, relay
from sitectl.uplinks.schedules import WITHOUT_SMART_CHARGING, composed
from sitectl.uplinks.triggers import EXTENDED, triggered
from sitectl.wire.outcomes import Refuse, Reply, Silence


class Ingress:
    """The incoming side of one virtual station."""

    __slots__ = ("_asker", "_blocks", "_clock", "_noted", "_rooms")

    def __init__(self, rooms: Rooms, blocks: Blocks, asker: Asker, clock: Clock) -> None:
        self._rooms = rooms
        self._blocks = blocks
        self._asker = asker
        self._clock = clock
        self._noted: frozenset[str] = frozenset()

    def serve(self, call: Call) -> Reply | Awaitable[Reply]:
        """Answer one call, now or later."""
        if self._asker.link.admission is Admission.REJECTED:
            return Silence()
        voltage_v = self._blocks.profiles.nominal_voltage_v
        asked = central_decode.asked(call.action, call.payload, self._asker.station, self._clock.wall(), voltage_v)
        if isinstance(asked, Invalid):
            self._blocks.security.not_understood(self._asker, call.action, asked.description)
            return Refuse(asked.code, asked.description)
        if not self._may(call.action, asked):
            self._not_allowed(call.action)
            return self._no(call.action)
        return self._answer(call.action, asked, call.payload)

    def _answer(  # noqa: C901 (one case a question)
        self, action: str, asked: Asked, payload: Payload
    ) -> Reply | Awaitable[Reply]:
        """To the functional block that serves it."""
        rooms, blocks, asker = self._rooms, self._blocks, self._asker
        match asked:
            case GetVariables():
                return blocks.variables.get(asker, asked)
            case SetVariable(key=key) if key_class(key) is KeyClass.CREDENTIAL:
                return blocks.security.credentials.write(asker, asked)
            case SetVariable():
                return blocks.variables.set(asker, asked)
            case ExtendedTrigger(message="SignChargePointCertificate"):
                return blocks.security.ask_certificate(asker)
            case ExtendedTrigger(evse, message):
                meant = TriggerMessage(evse, EXTENDED.get(message, message))
                return triggered(rooms, blocks.stations.files, asker, meant)
            case TriggerMessage():
                return triggered(rooms, blocks.stations.files, asker, asked)
            case ProfileSet():
                return blocks.profiles.set(asked, payload)
            case ProfilesCleared():
                return blocks.profiles.clear(asker.station, asked)
            case ScheduleAsked():
                return composed(rooms, blocks.profiles, self._clock, asker, asked)
            case StartAsked():
                return blocks.remote.start(asker, asked, payload)
            case StopAsked():
                return blocks.remote.stop(asker, asked)
            case ListVersionAsked() | ListSent() | CacheCleared():
                return blocks.lists.serve(asker, asked)
            case ReserveAsked() | CancelAsked():
                return blocks.stations.reservations.ask(asker, asked)
            case UnlockConnector():
                return blocks.remote.unlock(asker, asked)
            case FileOrder(kind=FileKind.SIGNED_FIRMWARE):
                return blocks.security.update(asker, asked)
            case FileOrder():
                return blocks.stations.files.order(asker, asked)
            case ResetStation():
                return blocks.stations.resets.ask(asker, asked)
            case ChangeAvailability():
                return blocks.stations.availability.ask(asker, asked)
            case TransferData(vendor_id=vendor) if not passes(asker.vendors, vendor):
                self._not_allowed(action)
                return central_encode.answer("UnknownVendorId")
            case TransferData():
                return relay(rooms, asker, action, asked, Urgency.CONTROL)
            case CertificateDelivered() | CertificateToInstall() | CertificateToDelete() | CertificatesAsked():
                return blocks.security.serve(asker, asked)

    # --- rights -------------------------------------------------------------------------------------------------------

    def _may(self, action: str, asked: Asked) -> bool:
        rights = self._asker.rights
        if isinstance(asked, SecurityAsked | FileOrder):
            return (SECURITY_ACTIONS.get(action) or ACTIONS[action]).right in rights
        accepted = self._asker.link.admission is Admission.ACCEPTED
        match asked:
            case ProfileSet() | ProfilesCleared():
                return Right.PROFILES in rights
            case ScheduleAsked():
                return Right.READ in rights
            case StartAsked(profile=profile):
                profiles = profile is None or Right.PROFILES in rights
                return accepted and profiles and may(rights, RequestStart)
            case StopAsked():
                return accepted and may(rights, RequestStop)
            case ReserveAsked() | CancelAsked():
                return accepted and Right.START_STOP in rights
            case ListSent() | CacheCleared():
                return Right.LISTS in rights
            case ListVersionAsked():
                return Right.READ in rights
            case _:
                return may(rights, type(asked))

    def _not_allowed(self, action: str) -> None:
        """For people, once an action: a central that asks every second must not fill the journal."""
        if action not in self._noted:
            self._noted |= {action}
            note(self._rooms, self._asker, "uplink.not_allowed", action)

    def _no(self, action: str) -> Reply:
        """The action's own word for no; a CALLERROR where it has none, and where there is no smart charging."""
        if Right.PROFILES not in self._asker.rights:
            if action == "SetChargingProfile":
                return central_encode.not_supported(action)
            if action in ("ClearChargingProfile", "GetCompositeSchedule"):
                return WITHOUT_SMART_CHARGING
        answer = central_encode.negative(action)
        if answer or action in ("GetConfiguration", "GetDiagnostics"):
            return answer or {}
        return Refuse(ErrorCode.NOT_SUPPORTED, f"{action} is not offered here")
