"""Meters can be read, and what they say may guard a fuse."""

from __future__ import annotations

from collections.abc import Mapping

from sitectl.config.draft import Draft
from sitectl.model.sheets import MeterSheet, Protocol


def check(draft: Draft, sheets: Mapping[str, MeterSheet]) -> None:
    """Report sheets that cannot guard a fuse, and those whose direction nobody has said. `sheets`: what was found."""
    for name, meter in draft.config.meters.items():
        if meter.sheet in sheets:
            _check_sheet(draft, name, sheets[meter.sheet])


def _check_sheet(draft: Draft, name: str, sheet: MeterSheet) -> None:
    path = ("meters", name, "sheet")
    unsaid = draft.config.meters[name].positive is None
    if sheet.refused is not None:
        why, _, cure = sheet.refused.partition(": ")
        draft.findings.error(path, f"{sheet.title} cannot guard a fuse: {why}", cure)
    elif not sheet.confirmed:
        message = f"what is known of {sheet.title} comes from one source only"
        cure = "compare every value with the display of the meter"
        if unsaid:
            cure = "compare every value with the display of the meter, then write positive: import or positive: export"
            draft.findings.error(path, f"{message}, so it is not sure which direction is positive", cure)
        else:
            draft.findings.warn(path, message, cure)
    elif sheet.explicit_sign and unsaid and sheet.protocol is Protocol.MODBUS:
        message = f"on {sheet.title} the direction depends on how the meter was set up"
        draft.findings.error(path, message, "write positive: import or positive: export")
