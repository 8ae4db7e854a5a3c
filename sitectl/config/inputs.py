"""Inputs of signals, hours of the day, hosts and topics, as they are written."""

from __future__ import annotations

import re

from sitectl.config.issues import shown
from sitectl.config.notation import Refusal, host_and_port, split
from sitectl.model.signals import GpioInput, ModbusInput, SignalInput

_MODBUS = re.compile(r"modbus:(.+):([0-9]{1,5})", re.ASCII)
_GPIO = re.compile(r"gpio:([A-Za-z0-9_-]{1,32}):([0-9]{1,4})", re.ASCII)
_HOUR = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])", re.ASCII)
_LAST_NUMBER = 65535
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def parse_input(text: str) -> SignalInput | Refusal:
    """`modbus:relay-box:0` or `gpio:gpiochip0:17`."""
    if (found := _MODBUS.fullmatch(text)) is not None and int(found[2]) <= _LAST_NUMBER:
        return ModbusInput(found[1], int(found[2]))
    if (found := _GPIO.fullmatch(text)) is not None:
        return GpioInput(found[1], int(found[2]))
    return Refusal(f"{shown(text)} is no input", "write modbus:BOX:NUMBER, with a box of io_boxes, or gpio:CHIP:LINE")


def parse_coil(text: str) -> ModbusInput | Refusal:
    """`modbus:relay-box:3`: a coil of an I/O box."""
    parsed = parse_input(text)
    if isinstance(parsed, ModbusInput):
        return parsed
    return Refusal(f"{shown(text)} is no coil", "write modbus:BOX:NUMBER, with a box of io_boxes")


def parse_hour(text: str) -> int | Refusal:
    """`17:00` -> minutes since midnight; `24:00` is the end of the day."""
    found = _HOUR.fullmatch(text)
    minutes = int(found[1]) * 60 + int(found[2]) if found is not None else None
    if minutes is None or minutes > 24 * 60:
        return Refusal(f"{shown(text)} is not a time of day", 'write "HH:MM", such as "17:00"')
    return minutes


def parse_host(text: str) -> str | Refusal:
    """`broker.example.com`, `10.0.0.4`, `::1`."""
    url = split(f"x://[{text}]" if ":" in text else f"x://{text}")
    if url is None or url.netloc.strip("[]") != text or None in host_and_port(url, 1):
        return Refusal(f"{shown(text)} is no host", "write its name or address alone, and port: … beside it")
    return text


def parse_topic(text: str) -> str | Refusal:
    """`sitectl`, `sites/depot-north`: what a topic may begin with."""
    levels = text.split("/")
    if not 1 <= len(text) <= 128 or not text.isprintable() or any(c in text for c in "+#") or "" in levels:
        cure = "write words with / between them, without + and #, such as sites/depot-north"
        return Refusal(f"{shown(text)} is no topic to publish below", cure)
    if text.startswith("$"):
        return Refusal("topics that begin with $ are the broker's own", "write another one")
    return text
