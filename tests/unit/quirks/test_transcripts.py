"""What stations of many makers have sent, through endpoint, quirks and codec: what is understood of each frame.

A transcript is one station: a line that says what it is about, then a line a frame. Beside `frame`, as it came: what
was mended in its text (`text`) and form (`mended`), what it says (`identity`, `register_wh`, `current_a`,
`transaction`, `stops`, `status`, `error`), which `sheets` fit from then on, what is `running` (EVSE: id and register at
its start), and whether it is `valid` by the schema of the standard after all.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sitectl.config.schemas import load_schemas
from sitectl.config.station_sheets import load_sheet, shelf
from sitectl.model.ids import StationId
from sitectl.ocpp.endpoint import Endpoint, message_ids
from sitectl.ocpp.frame import Call
from sitectl.ocpp.schema import Validator
from sitectl.ocpp.v16 import decode, meter_values
from sitectl.ocpp.versions import Version
from sitectl.quirks.match import NOBODY, Matched, match
from sitectl.quirks.meaning import meant
from sitectl.quirks.payload import repair_payload
from sitectl.quirks.sheet import StationSheet
from sitectl.quirks.text import repair_text

FOLDER = Path(__file__).parents[2] / "transcripts"
TRANSCRIPTS = sorted(FOLDER.glob("*/*.jsonl"))
SHELF = shelf(Path())
FOUND = [load_sheet(SHELF.find(name) or Path()) for name in SHELF.names()]
SHEETS = [sheet for sheet in FOUND if isinstance(sheet, StationSheet)]
VALIDATOR = Validator(load_schemas(Version.V16))
RECEIVED = datetime(2026, 3, 1, 10, 0, 1, tzinfo=UTC)


def understood(action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """What the codec reads, under the names of the transcripts."""
    if action == "BootNotification":
        who = decode.boot(payload).value
        return {"identity": [who.vendor, who.model, who.firmware]}
    if action == "MeterValues":
        told = meter_values.meter_values(payload).value
        newest = told.samples[-1]
        current = None if newest.current_a is None else list(newest.current_a)
        return {
            "register_wh": newest.register_wh,
            "current_a": current,
            "transaction": told.station_transaction_id,
        }
    if action == "StopTransaction":
        return {"stops": decode.stop_transaction(payload, StationId("CP"), RECEIVED).value.station_transaction_id}
    if action == "StatusNotification":
        status = decode.status_notification(payload).value.status
        return {"status": status.connector_status.value, "error": status.error_code}
    return {}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_transcript_is_understood(path: Path) -> None:
    about, *frames = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert about["about"]
    endpoint = Endpoint(Version.V16, message_ids("t"), repair=repair_text)
    matched: Matched = NOBODY
    for number, line in enumerate(frames, start=2):
        place = f"{path.name}:{number}"
        received = endpoint.receive(line["frame"], float(number))
        assert isinstance(received, Call), (place, received)
        assert received.raw == line["frame"].encode(), "as it came"
        assert received.mended == line.get("text", ""), place
        quirks = matched.quirks
        payload, mended = repair_payload(received.action, received.payload, quirks)
        assert list(mended) == line.get("mended", []), place
        running = {int(evse): one for evse, one in line.get("running", {}).items()}
        ids, began_wh = ({evse: one[n] for evse, one in running.items()} for n in (0, 1))
        payload = meant(received.action, payload, quirks, ids, began_wh)
        said = understood(received.action, payload)
        assert {key: said[key] for key in said if key in line} == {key: line[key] for key in said if key in line}, place
        valid = not list(VALIDATOR.deviations(received.action, "request", payload))
        assert valid is line["valid"], (place, list(VALIDATOR.deviations(received.action, "request", payload)))
        if received.action == "BootNotification":
            matched = match(decode.boot(payload).value, SHEETS)
            assert list(matched.sheets) == line["sheets"], place


def test_there_are_transcripts_of_many_makers() -> None:
    assert len({path.parent for path in TRANSCRIPTS}) >= 10
