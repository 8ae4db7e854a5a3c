"""A daemon made of canned answers: HTTP on a Unix socket, in a thread."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

EVSE = {
    "connector_status": "Occupied",
    "charging_state": "Charging",
    "limit_a": 16.0,
    "limit_w": None,
    "acknowledged_a": 16.0,
    "measured_a": [15.8, 15.9, 15.7],
    "fallback_a": 6.0,
    "counts_a": 16.0,
    "reason": "fair share of circuit garage on L2",
    "transaction": "t1",
}
NOTHING = dict.fromkeys(EVSE) | {"reason": "never seen: counted at its maximum", "fallback_a": 6.0}
STATION = {
    "online": True,
    "ocpp": "1.6",
    "vendor": "Acme",
    "model": "AC-22",
    "firmware": "1.2",
    "quarantined": False,
    "obeys": "proven",
    "evses": {"1": EVSE},
}
ABSENT = STATION | {"online": False, "ocpp": None, "vendor": None, "model": None, "firmware": None}
STATIONS = {
    "CP01": STATION,
    "CP02": ABSENT | {"obeys": "unknown", "evses": {"1": NOTHING, "2": NOTHING}},
    "STRANGER": ABSENT | {"quarantined": True, "evses": {}},
}
DEAD = {"ratio": 1.12, "for_s": 240, "phase": "L2", "holds": True, "text": "if this box dies now: at worst 1.12 x"}
GRID = {
    "rated_a": 100,
    "ceiling_a": [100, 100, 100],
    "measured_a": [41.2, 39.9, 44.0],
    "base_load_a": [10.1, 8.0, 12.2],
    "reserved_a": [0, 0, 6],
    "allocated_a": [31.0, 31.9, 31.8],
    "meter": "fresh",
    "if_dead": DEAD,
}
STATUS: dict[str, Any] = {
    "schema": 1,
    "site": "depot-north",
    "time": "2026-11-20T06:11:00Z",
    "state": "ok",
    "problems": [{"what": "Offline", "where": "CP02", "since": "2026-11-20T06:10:00Z", "do": "Check its power."}],
    "cycle": {"count": 5312, "interval_s": 1.0, "ms_p50": 1.2, "ms_p99": 3.1},
    "circuits": {"grid": GRID, "garage": GRID | {"measured_a": None, "meter": None, "if_dead": None}},
    "ceilings": [
        {"source": "anna", "circuit": "garage", "ceiling_a": 40.0, "until": None},
        {"source": "central", "station": "CP01", "evse": 1, "ceiling_a": 10.5, "until": "2026-11-20T06:30:00Z"},
        {"source": "bert", "station": "CP02", "evse": 0, "ceiling_a": 0.0, "until": None},
    ],
    "meters": {
        "main": {"state": "fresh", "age_s": 0.4, "current_a": [41.2, 39.9, 44.0], "power_w": 28700},
        "spare": {"state": "lost", "age_s": None, "current_a": None, "power_w": None},
    },
    "stations": STATIONS,
    "uplinks": {"central": {"state": "online", "stations": 12, "backlog": 0, "oldest_s": None, "dead": 0}},
    "transactions": {"open": 3, "unsent": 0, "dead": 0},
}
TRANSACTION = {
    "id": "t1",
    "station": "CP01",
    "evse": 1,
    "station_id": "2000001234",
    "id_token": "TAG",
    "started": "2026-11-20T06:00:00Z",
    "stopped": None,
    "meter_start_wh": 100,
    "meter_stop_wh": None,
    "reason": None,
    "synthetic": False,
    "uplinks": {"central": {"id": "4711", "state": "acked", "verdict": "Accepted", "unsent": 0}},
}
STOPPED = TRANSACTION | {
    "stopped": "2026-11-20T06:30:00Z",
    "meter_stop_wh": 1600,
    "reason": "EVDisconnected",
    "synthetic": True,
}
LETTER = {
    "uplink": "central",
    "action": "StopTransaction",
    "payload": {"meterStop": 1600},
    "created": "2026-11-20T06:30:00Z",
    "given_up": "2026-11-20T06:36:00Z",
    "attempts": 3,
    "why": "InternalError: no such column",
}
WHY = {
    "schema": 1,
    "station": "CP01",
    "evse": 1,
    "time": "2026-11-20T06:11:00Z",
    "limit_a": 16.0,
    "chain": [
        {"step": "demand", "a": 32, "text": "a transaction is running"},
        {"step": "row", "circuit": "garage", "phase": "L2", "a": 16.0, "text": "circuit garage has 16 A left"},
        {"step": "measured", "a": None, "text": "it has not reported its current"},
    ],
}
MESSAGE = {
    "time": "2026-11-20T06:11:00.123Z",
    "kind": "call",
    "uplink": None,
    "direction": "received",
    "action": "StatusNotification",
    "id": "7",
    "payload": {"connectorId": 1, "info": "x" * 400},
    "frame": '[2,"7","StatusNotification",{"connectorId":1,"info":"' + "x" * 400 + '"}]',
}
ANSWERED = MESSAGE | {"kind": "answer", "direction": "sent", "payload": {}, "frame": '[3,"7",{}]', "uplink": "central"}
UNREADABLE = MESSAGE | {"kind": "unreadable", "action": None, "id": None, "payload": None, "frame": "nonsense"}
HAPPENED = {"time": "2026-11-20T06:11:01.000Z", "kind": "event", "type": "limit.cut", "evse": 1, "data": {"limit_a": 6}}
TIMELINE = {"schema": 1, "station": "CP01", "more": True, "entries": [MESSAGE, ANSWERED, UNREADABLE, HAPPENED]}
EVENT = {
    "schema": 1,
    "seq": 17,
    "time": "2026-11-20T06:11:00Z",
    "type": "transaction.started",
    "station": "CP01",
    "evse": 1,
    "data": {"meter_start_wh": 100},
}


def stream(*events: dict[str, Any]) -> bytes:
    return b":\n\n" + b"".join(b"id: %d\ndata: %b\n\n" % (e["seq"], json.dumps(e).encode()) for e in events)


ANSWERS: dict[str, Any] = {
    "/v1/status": STATUS,
    "/v1/stations": {"schema": 1, "stations": STATIONS},
    "/v1/stations/CP01": {"schema": 1, "stations": {"CP01": STATION}},
    "/v1/why/CP01": WHY,
    "/v1/meters": {"schema": 1, "meters": STATUS["meters"]},
    "/v1/uplinks": {"schema": 1, "uplinks": STATUS["uplinks"]},
    "/v1/transactions": {"schema": 1, "transactions": [STOPPED, TRANSACTION]},
    "/v1/transactions?only=dead": {"schema": 1, "transactions": [STOPPED | {"dead_letters": [LETTER]}]},
    "/v1/transactions/t1/requeue": {"schema": 1, "transaction": "t1", "requeued": {"central": 2}},
    "/v1/stations/CP01/availability": {
        "schema": 1,
        "station": "CP01",
        "evse": 2,
        "operative": False,
        "status": "Scheduled",
    },
    "/v1/stations/CP01/reset": {"schema": 1, "station": "CP01", "kind": "Immediate", "status": "Accepted"},
    "/v1/stations/CP01/evses/2/unlock": {"schema": 1, "station": "CP01", "evse": 2, "status": "Unlocked"},
    "/v1/stations/CP01/configuration": {
        "schema": 1,
        "station": "CP01",
        "live": False,
        "keys": {"HeartbeatInterval": {"value": "300", "readonly": False}},
        "unknown": ["Nonsense"],
    },
    "/v1/stations/CP01/configuration/HeartbeatInterval": {
        "schema": 1,
        "station": "CP01",
        "key": "HeartbeatInterval",
        "value": "60",
        "status": "RebootRequired",
    },
    "/v1/stations/CP01/evses/2/ceiling": {
        "schema": 1,
        "station": "CP01",
        "evse": 2,
        "ceiling_a": 10.0,
        "source": "anna",
        "until": "2026-11-20T06:26:00Z",
        "kept": True,
        "notes": ["below the 13 A that a vehicle needs at least: charging pauses"],
    },
    "/v1/stations/CP01/evses/1/departure": {
        "schema": 1,
        "station": "CP01",
        "evse": 1,
        "departs": "2026-11-20T16:30:00Z",
        "energy_kwh": 20.0,
        "source": "anna",
        "kept": False,
    },
    "/v1/circuits/garage/ceiling": {"schema": 1, "circuit": "garage", "ceiling_a": None, "cleared": True},
    "/v1/config": {"schema": 1, "settings": {"site": {"name": "depot-north"}}, "origins": {"site.name": "site.yaml:2"}},
    "/v1/events": stream(EVENT),
    "/v1/timeline/CP01": TIMELINE,
}


class Canned:
    """What is answered, and what was asked: `answers` maps a path to JSON, bytes, or (status, bytes)."""

    def __init__(self) -> None:
        self.answers = dict(ANSWERS)
        self.asked: list[str] = []
        self.sent: list[Any] = []
        self.cut = False
        """Promise more than is sent."""


@contextmanager
def canned(socket: Path) -> Iterator[Canned]:
    """Serve canned answers on `socket`."""
    daemon = Canned()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.serve(self.path)

        def do_POST(self) -> None:
            self.serve(f"POST {self.path}")

        def do_PUT(self) -> None:
            self.serve(f"PUT {self.path}")

        def do_DELETE(self) -> None:
            self.serve(f"DELETE {self.path}")

        def serve(self, asked: str) -> None:
            daemon.asked.append(asked)
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if sent:
                assert self.headers["Content-Type"] == "application/json"
                daemon.sent.append(json.loads(sent))
            dead = "/v1/transactions?only=dead"
            path = dead if self.path.startswith(dead) else self.path.split("?")[0]
            answer = daemon.answers.get(path, (404, b'{"detail": "no such thing here"}'))
            status, body = answer if isinstance(answer, tuple) else (200, answer)
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) + (1000 if daemon.cut else 0)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: Any) -> None:
            pass

    with socketserver.UnixStreamServer(str(socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield daemon
        finally:
            server.shutdown()
            thread.join()
