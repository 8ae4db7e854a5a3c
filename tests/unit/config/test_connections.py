import pytest

from sitectl.config.connections import parse_connection
from sitectl.config.notation import Refusal
from sitectl.model.connection import Connection, SerialConnection, TcpConnection


@pytest.mark.parametrize(
    ("text", "connection"),
    [
        ("tcp://10.0.0.5:1502", TcpConnection("10.0.0.5", 1502)),
        ("tcp://meter.local", TcpConnection("meter.local", 502)),
        ("tcp://[fd00::5]:502", TcpConnection("fd00::5", 502)),
        ("rtu-tcp://10.0.0.6:4001", TcpConnection("10.0.0.6", 4001, rtu=True)),
        ("rtu:///dev/ttyUSB0", SerialConnection("/dev/ttyUSB0", 9600, "N", 1)),
        ("rtu:///dev/ttyUSB0?baud=19200&parity=E&stop=2", SerialConnection("/dev/ttyUSB0", 19200, "E", 2)),
        ("rtu:///dev/serial/by-id/usb-FT232-port0", SerialConnection("/dev/serial/by-id/usb-FT232-port0")),
    ],
)
def test_connections(text: str, connection: Connection) -> None:
    assert parse_connection(text) == connection
    assert parse_connection(str(connection)) == connection


@pytest.mark.parametrize(
    "text", ["", "10.0.0.5", "tcp://", "tcp://h:0", "tcp://h:99999", "tcp://h/x", "tcp://[::1", "tcp://h h", "udp://h"]
)
def test_no_connections(text: str) -> None:
    assert isinstance(parse_connection(text), Refusal)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("rtu://dev/ttyUSB0", "three slashes"),
        ("rtu:///ttyUSB0", "three slashes"),
        ("rtu:///dev/ttyUSB0?baud=9601", "9600"),
        ("rtu:///dev/ttyUSB0?baud=-9600", "9600"),
        ("rtu:///dev/ttyUSB0?baud=", "9600"),
        ("rtu:///dev/ttyUSB0?parity=even", "E (even)"),
        ("rtu:///dev/ttyUSB0?stop=3", "1 or 2"),
        ("rtu:///dev/ttyUSB0?baut=9600", "baud"),
        ("rtu:///dev/ttyUSB0?baud=9600&baud=19200", "keep one"),
    ],
)
def test_a_serial_line_that_is_none_is_refused_with_the_cure(text: str, word: str) -> None:
    refused = parse_connection(text)
    assert isinstance(refused, Refusal)
    assert word in refused.cure


def test_the_wire_time_of_a_byte_counts_start_parity_and_stop_bits() -> None:
    assert SerialConnection("/dev/x", 9600, "N", 1).byte_s == pytest.approx(10 / 9600)
    assert SerialConnection("/dev/x", 9600, "E", 1).byte_s == pytest.approx(11 / 9600)
    assert SerialConnection("/dev/x", 9600, "N", 2).byte_s == pytest.approx(11 / 9600)
