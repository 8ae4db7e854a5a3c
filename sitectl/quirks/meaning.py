"""`meant`: what a well-formed message of a station says that does not mean what the standard means by it.

Signed values stay as they are: somebody else vouches for them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sitectl.model.transaction import Payload
from sitectl.quirks.payload import with_samples
from sitectl.quirks.vocabulary import Quirks

REGISTER = "Energy.Active.Import.Register"
NEVER_HARMLESS = ("GroundFailure", "HighTemperature", "OverCurrentFailure", "PowerSwitchFailure")
"""Error codes of the standard that stand for a danger, whatever a vendor's code beside them says."""

_TO_WH = {"Wh": 1.0, "kWh": 1000.0}


def meant(
    action: str, payload: Payload, quirks: Quirks, running: Mapping[int, int], began_wh: Mapping[int, float]
) -> Payload:
    """The payload as the standard would have it said; the same object where it is. Never raises.

    `running`: the transaction that runs on each EVSE, by the station's id; `began_wh`: its register when it began.
    """
    if action == "StatusNotification":
        return _status(payload, quirks, running)
    if action != "MeterValues":
        return payload
    evse = _evse(payload.get("connectorId"), running)
    if quirks.stale_transaction_ids and payload.get("transactionId") not in (None, *running.values()):
        payload = {key: value for key, value in payload.items() if key != "transactionId"}
    if quirks.register_unit is not None or quirks.register_of_transaction:
        base_wh = began_wh.get(evse, 0.0) if quirks.register_of_transaction else 0.0
        payload = _with_register(payload, quirks.register_unit, base_wh)
    return payload


def _evse(connector: Any, running: Collection[int]) -> int:
    if isinstance(connector, int) and connector > 0:
        return connector
    return next(iter(running)) if len(running) == 1 else 0


def _with_register(payload: Payload, unit: str | None, base_wh: float) -> Payload:
    def change(sample: Payload) -> Payload:
        if sample.get("measurand", REGISTER) != REGISTER or sample.get("format") == "SignedData":
            return sample
        scale = _TO_WH.get(unit or sample.get("unit", "Wh")) if isinstance(sample.get("unit", "Wh"), str) else None
        try:
            wh = float(sample.get("value", "")) * (scale or 0.0) + base_wh
        except (TypeError, ValueError):
            return sample
        return sample if scale is None else {**sample, "value": f"{wh:.0f}", "unit": "Wh"}

    return with_samples("MeterValues", payload, change)


def _status(payload: Payload, quirks: Quirks, running: Collection[int]) -> Payload:
    status, evse = payload.get("status"), payload.get("connectorId")
    code = payload.get("vendorErrorCode") or payload.get("info")
    harmless = isinstance(code, str) and code in quirks.harmless_faults
    if status == "Faulted" and harmless and payload.get("errorCode") not in NEVER_HARMLESS:
        charges = isinstance(evse, int) and evse in running
        return {**payload, "status": "Charging" if charges else "Available", "errorCode": "NoError"}
    if quirks.available_while_charging and status == "Available" and isinstance(evse, int) and evse in running:
        return {**payload, "status": "Charging"}
    return payload
