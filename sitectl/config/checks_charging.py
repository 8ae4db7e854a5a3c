"""Configurations that are sound and still charge nobody, or not as meant: warnings."""

from __future__ import annotations

from sitectl.config.checks_references import NO_UPLINK
from sitectl.config.draft import Draft
from sitectl.config.issues import shown

_STALE_S = 5.0
"""From this age on a reading is stale: the table of times."""
_LATE_S = 2.0
_CURE = "add an uplink, list tokens in a tokens_file, or write authorization.mode: free"


def check(draft: Draft, tokens: int) -> None:
    """Warn where nobody can charge; `tokens` is how many the tokens file lists."""
    if not draft.config.stations and draft.config.ocpp.unknown_stations == "reject":
        message = "nobody can charge here: no station is listed, and unknown_stations is reject"
        draft.findings.warn(("stations",), message, "list the stations, or write unknown_stations: quarantine")
    reason = _nobody(draft, tokens)
    if reason is not None:
        draft.findings.warn(("authorization",), f"nobody can charge here: {reason}", _CURE)
    for name, meter in draft.config.meters.items():
        if meter.interval_s > _LATE_S:
            state = "stale" if meter.interval_s > _STALE_S else "late, so no limit rises,"
            message = f"between readings {meter.interval_s:g} s apart the meter counts as {state} each time"
            draft.findings.warn(("meters", name, "interval_s"), message, "write 1, or at most 2")


def _nobody(draft: Draft, tokens: int) -> str | None:
    """Why no IdToken can ever be accepted, None when some can."""
    authorization = draft.config.authorization
    if authorization.mode == "free" or tokens or (authorization.tokens_file and draft.findings.errors):
        return None
    if authorization.mode == "list":
        return "no tokens, and mode is list"
    if authorization.offline_unknown == "accept":
        return None
    if draft.section("uplinks"):
        if draft.config.routing.default != NO_UPLINK:
            return None
        return f"routing.default is {shown(NO_UPLINK)}, no tokens, offline_unknown is reject"
    return "no uplink, no tokens, offline_unknown is reject"
