"""Connections to field buses, as they are written: `tcp://`, `rtu-tcp://` and `rtu://`."""

from __future__ import annotations

from urllib.parse import SplitResult

from sitectl.config.issues import did_you_mean, shown
from sitectl.config.notation import Refusal, host_and_port, split
from sitectl.model.connection import Connection, SerialConnection, TcpConnection

MODBUS_PORT = 502
BAUDS = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400)
_KEYS = ("baud", "parity", "stop")
_EXAMPLES = "write tcp://host:port, rtu-tcp://host:port or rtu:///dev/ttyUSB0?baud=9600&parity=N&stop=1"
_DEVICE_MOST = 255


def parse_connection(text: str) -> Connection | Refusal:
    """`tcp://10.0.0.5:502`, `rtu-tcp://10.0.0.6:4001`, `rtu:///dev/ttyUSB0?baud=9600&parity=N&stop=1`."""
    url = split(text)
    if url is None or url.scheme not in ("tcp", "rtu-tcp", "rtu"):
        return Refusal(f"{shown(text)} is not a connection", _EXAMPLES)
    if url.scheme == "rtu":
        return _serial(text, url)
    host, port = host_and_port(url, MODBUS_PORT)
    if host is None or port is None or url.path not in ("", "/") or url.query or url.fragment or url.username:
        cure = f"write {url.scheme}://host:port, such as {url.scheme}://10.0.0.5:502"
        return Refusal(f"{shown(text)} is not a connection", cure)
    return TcpConnection(host, port, rtu=url.scheme == "rtu-tcp")


def _serial(text: str, url: SplitResult) -> SerialConnection | Refusal:
    if url.netloc or not url.path.startswith("/dev/") or len(url.path) > _DEVICE_MOST or url.fragment:
        cure = "write three slashes and the device's whole path, such as rtu:///dev/ttyUSB0?baud=9600"
        return Refusal(f"{shown(text)} names no serial device", cure)
    given: dict[str, str] = {}
    for part in filter(None, url.query.split("&")):
        key, _, value = part.partition("=")
        if key not in _KEYS:
            return Refusal(f"a serial line has no {shown(key)}", did_you_mean(key, _KEYS))
        if key in given:
            return Refusal(f"{key} stands there twice", "keep one")
        given[key] = value
    baud, parity, stop = given.get("baud", "9600"), given.get("parity", "N"), given.get("stop", "1")
    if baud not in map(str, BAUDS):
        return Refusal(f"{shown(baud)} is not a speed of serial lines", f"write one of {', '.join(map(str, BAUDS))}")
    if parity not in ("N", "E", "O"):
        return Refusal(f"{shown(parity)} is not a parity", "write N (none), E (even) or O (odd)")
    if stop not in ("1", "2"):
        return Refusal(f"{shown(stop)} is not a number of stop bits", "write 1 or 2")
    return SerialConnection(url.path, int(baud), parity, int(stop))
