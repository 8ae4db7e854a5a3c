"""What a simulated station does that the standard does not say: by the flags of sheets, inverted.

A sheet states what a model does so that the daemon can live with it; here the same words make a station do it. What the
daemon bears from everybody, and so has no flag, stands beside them. Frames are made here from nothing of the daemon's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sitectl.simulator.link import Payload, Refusal

REGISTER = "Energy.Active.Import.Register"
STALE_ID = 17
"""A transaction that nobody here has."""

_STEPS = {
    "TxProfile": "tx_profile",
    "TxDefaultProfile": "tx_default",
    "ChargePointMaxProfile": "charge_point_max",
}


@dataclass(frozen=True)
class Misbehaviour:
    """What a station does wrong. `no_answer` names the actions it leaves unanswered, "*" all.

    * `flags`: by their names in sheets, `group.key`.
    * `subprotocols`: what it offers, none for no header. `address`: where it connects from.
    * `stop_id`: what it says as transactionId when it stops, None for the right one.
    * `starts_from_finishing`: a remote start is taken there.
    """

    ignore_limits: bool = False
    no_answer: frozenset[str] = frozenset()
    flags: Mapping[str, Any] = field(default_factory=dict)
    subprotocols: tuple[str, ...] = ("ocpp1.6",)
    address: str | None = None
    stop_id: int | None = None
    starts_from_finishing: bool = False

    def says(self, flag: str, *values: Any) -> bool:
        """Whether a flag has one of these values."""
        return self.flags.get(flag) in values

    # --- what it answers ---

    def answer(self, action: str, payload: Payload) -> Payload | None:
        """What it answers by a fault of its own; None: as any other would. Raises Refusal for a CALLERROR."""
        if not self.flags:
            return None
        if action == "SetChargingProfile":
            return self._profile(payload)
        if action == "TriggerMessage":
            refused = payload["requestedMessage"] in self.flags.get("config.refused_triggers", ())
            return {"status": "Rejected"} if refused else None
        if action == "ChangeAvailability":
            refused = self.says("config.availability_by_evse", True) and payload["connectorId"] == 0
            return {"status": "Rejected"} if refused else None
        if action == "ChangeConfiguration":
            return self._configuration(payload)
        if action == "Reset" and payload["type"] == "Soft" and self.says("config.hard_reset_only", True):
            return {"status": "Accepted"}
        return None

    def _configuration(self, payload: Payload) -> Payload | None:
        allowed = self.flags.get("config.measurands")
        asked = set(str(payload["value"]).split(","))
        if payload["key"] == "MeterValuesSampledData" and allowed is not None and not asked <= set(allowed):
            return {"status": "Rejected"}
        least_s = self.flags.get("config.sample_interval_s")
        too_often = payload["key"] == "MeterValueSampleInterval" and least_s and int(payload["value"]) < least_s
        return {"status": "Rejected"} if too_often else None

    def _profile(self, payload: Payload) -> Payload | None:
        profile = payload["csChargingProfiles"]
        schedule = profile["chargingSchedule"]
        purpose, relative = profile["chargingProfilePurpose"], profile["chargingProfileKind"] == "Relative"
        if purpose == "ChargePointMaxProfile" and not self._takes(purpose, payload["connectorId"]):
            raise Refusal("PropertyConstraintViolation", "csChargingProfiles")
        wrong = (
            self.flags.get("limit.unit", schedule["chargingRateUnit"]) != schedule["chargingRateUnit"],
            self.says("limit.kind", "absolute") and relative,
            self.says("limit.kind", "relative") and not relative,
            self.says("limit.lowest_stack", True) and profile["stackLevel"] > 0,
        )
        if any(wrong):
            return {"status": "Rejected"}
        return None if self._takes(purpose, payload["connectorId"]) else {"status": "Accepted"}

    def _takes(self, purpose: str, connector: int) -> bool:
        """Whether a profile has any effect."""
        steps = self.flags.get("limit.steps")
        step = "tx_default_station" if purpose == "TxDefaultProfile" and connector == 0 else _STEPS[purpose]
        return steps is None or step in steps

    def cut(self, text: str) -> str:
        """An answer of configuration as it leaves: cut in the middle where it is longer than its buffer."""
        most = self.flags.get("config.keys_per_call")
        if most is None or '"configurationKey"' not in text:
            return text
        told = json.loads(text)[-1]
        count = len(told["configurationKey"]) + len(told.get("unknownKey", ()))
        return text if count <= most else text[: len(text) // 2]

    # --- what it says ---

    def said(self, action: str, payload: Payload, charges: bool, meter_start_wh: int = 0) -> Payload:
        """One of its calls as it says it. `charges`: a transaction runs on that connector."""
        if action == "StatusNotification":
            lies = self.says("status.available_while_charging", True) and charges
            return {**payload, "status": "Available"} if lies else payload
        if action == "StopTransaction" and self.stop_id is not None:
            return {**payload, "transactionId": self.stop_id}
        return self._metered(payload, meter_start_wh) if action == "MeterValues" else payload

    def _metered(self, payload: Payload, meter_start_wh: int) -> Payload:
        if self.says("tx.stale_ids", True):
            payload = {**payload, "transactionId": STALE_ID}
        values = [{**entry, "sampledValue": self._samples(entry, meter_start_wh)} for entry in payload["meterValue"]]
        alone = "meterValue" in self.flags.get("json.wrap", ()) and len(values) == 1
        return {**payload, "meterValue": values[0] if alone else values}

    def _samples(self, entry: Payload, meter_start_wh: int) -> list[Payload]:
        return [
            {**sample, "value": str(int(sample["value"]) - meter_start_wh)}
            if sample["measurand"] == REGISTER and self.says("meter.register", "transaction")
            else sample
            for sample in entry["sampledValue"]
            if not (sample["measurand"].startswith("Current") and self.says("meter.readings", False))
        ]


WELL_BEHAVED = Misbehaviour()
