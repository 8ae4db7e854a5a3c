"""A stand-in for the daemon that relays frames, limits nothing and keeps its ledger in memory only.

Run as `python forgetful_relay.py --config site.yaml`. It is what the demo must find wanting.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

SITE = YAML(typ="safe").load(Path(sys.argv[2]).read_text(encoding="utf-8"))
LEDGER: list[dict[str, Any]] = []


async def relay(station: ServerConnection) -> None:
    assert station.request is not None
    name = station.request.path.rsplit("/", 1)[-1]
    try:
        async with connect(f"{SITE['uplinks']['central']['url']}/{name}", subprotocols=["ocpp1.6"]) as central:  # type: ignore[list-item]
            starts: dict[str, dict[str, Any]] = {}

            async def up() -> None:
                async for frame in station:
                    remember(name, json.loads(frame), starts)
                    await central.send(frame)

            async def down() -> None:
                async for frame in central:
                    kind, call_id, *rest = json.loads(frame)
                    if kind == 3 and call_id in starts:
                        starts[call_id]["id"] = rest[0]["transactionId"]
                    await station.send(frame)

            _, pending = await asyncio.wait(
                [asyncio.create_task(up()), asyncio.create_task(down())], return_when=asyncio.FIRST_COMPLETED
            )
            for task in pending:
                task.cancel()
    except (OSError, ConnectionClosed):
        station.transport.abort()


def remember(station: str, frame: list[Any], starts: dict[str, dict[str, Any]]) -> None:
    if frame[0] != 2:
        return
    payload = frame[3]
    if frame[2] == "StartTransaction":
        line = {
            "id": None,
            "station": station,
            "evse": payload["connectorId"],
            "id_token": payload["idTag"],
            "started": payload["timestamp"],
            "meter_start_wh": payload["meterStart"],
            "meter_stop_wh": None,
        }
        LEDGER.append(line)
        starts[frame[1]] = line
    elif frame[2] == "StopTransaction":
        for line in LEDGER:
            if line["id"] == payload["transactionId"]:
                line["meter_stop_wh"] = payload["meterStop"]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    running = sum(line["meter_stop_wh"] is None for line in LEDGER)
    status = {
        "state": "ok",
        "cycle": {"ms_p50": 1, "ms_p99": 2},
        "circuits": {},
        "transactions": {"open": running, "unsent": 0},
    }
    body = json.dumps(status if b"/v1/status" in head else {"transactions": LEDGER}).encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked)
    await writer.drain()
    writer.close()


async def main() -> None:
    host, port = SITE["ocpp"]["listen"].split(":")
    async with serve(relay, host, int(port), subprotocols=["ocpp1.6"]):  # type: ignore[list-item]
        await asyncio.start_unix_server(answer, SITE["api"]["socket"])
        print(f"sitectl ready ocpp={host}:{port}", file=sys.stderr, flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
