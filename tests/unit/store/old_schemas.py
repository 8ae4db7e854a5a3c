"""Ledgers as older versions wrote them, one file a schema that was ever in the field, and what must be left of them."""

import sqlite3
from pathlib import Path

SCHEMAS = Path(__file__).parent / "schemas"
OLD = sorted(int(file.stem.removeprefix("ledger-")) for file in SCHEMAS.glob("ledger-*.sql"))

EXPECTED = {
    "transactions": [("t-over", "stopped", 2000, "station", "receipt"), ("t-runs", "open", None, "receipt", None)],
    "transaction_uplinks": [("t-over", "4711", "acked", "dead"), ("t-runs", None, "pending", None)],
    "outbox": [(12884901889, "dead", '{"meterStop":2000,"transactionId":4711}'), (12884901890, "queued", None)],
    "raw_frames": [(1, b"[]"), (2, b"[2]"), (3, b"[3]")],
    "stations": [("CP1", "pinned")],
    "limits": [("CP2", 16.0, 6.0)],
    "station_counters": [("CP1", 2000000102), ("CP2", 2000000202)],
    "authorization_cache": [("central", "alice", "Accepted", "FLEET")],
    "virtual_variables": [("MeterValueSampleInterval", "60")],
    "virtual_profiles": [('[{"chargingProfileId":1}]',)],
    "events": [(17, "transaction.started")],
    "anomalies": [("unmatched_stop", "k9")],
}
_ASKED = {
    "transactions": "id, state, meter_stop_wh, start_clock, stop_clock",
    "transaction_uplinks": "transaction_id, uplink_transaction_id, start_state, stop_state",
    "outbox": "seq, state, rendered",
    "raw_frames": "id, frame",
    "stations": "station, credential",
    "limits": "station, counts_a, fallback_a",
    "station_counters": "station, next",
    "authorization_cache": "uplink, id_token, status, parent",
    "virtual_variables": "key, value",
    "virtual_profiles": "profiles",
    "events": "seq, type",
    "anomalies": "kind, content_key",
}


def build_old(path: Path, schema: int = 1) -> None:
    """Write the file of a schema."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA page_size = 2048")
    connection.executescript((SCHEMAS / f"ledger-{schema}.sql").read_text())
    connection.close()


def summary(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """What of it a file of the schema of now holds."""
    return {
        table: connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall()
        for table, columns in _ASKED.items()
    }
