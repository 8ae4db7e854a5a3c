"""Register images of SunSpec devices, built from the published layout without any code of the package."""

import struct
from collections.abc import Iterable, Sequence

END = [0xFFFF, 0]


def text(value: str, registers: int) -> list[int]:
    raw = value.encode().ljust(2 * registers, b"\0")
    return list(struct.unpack(f">{registers}H", raw))


def common(maker: str, model: str = "M", serial: str = "1") -> list[int]:
    body = text(maker, 16) + text(model, 16) + text("", 8) + text("1.0", 8) + text(serial, 16) + [1, 0x8000]
    return [1, len(body), *body]


def meter(model: int, *, a: Sequence[int], w: Sequence[int], a_sf: int = -2, w_sf: int = 0) -> list[int]:
    """Models 201 to 204. Volts 230.0, 50.00 Hz, 12 MWh imported, 3 kWh exported."""
    body = [0x8000] * 105

    def put(offset: int, *values: int) -> None:
        for index, value in enumerate(values):
            body[offset - 2 + index] = value & 0xFFFF

    put(2, sum(a), *a, a_sf)
    put(8, 2300, 2301, 2302)
    put(15, -1)
    put(16, 5000, -2)
    put(18, sum(w), *w, w_sf)
    put(38, 0, 30)
    put(46, 1, 120_000 - 65_536)
    put(54, 2)
    return [model, len(body), *body]


def float_meter(model: int, *, a: Sequence[float], w: Sequence[float]) -> list[int]:
    """Models 211 to 214."""
    body = [0x7FC0, 0] * 62

    def put(offset: int, *values: float) -> None:
        for index, value in enumerate(values):
            body[offset - 2 + 2 * index : offset + 2 * index] = struct.unpack(">2H", struct.pack(">f", value))

    put(2, sum(a), *a)
    put(12, 230.0, 230.1, 230.2)
    put(26, 50.01, sum(w), *w)
    put(60, 3000.0)
    put(68, 12_000_000.0)
    return [model, len(body), *body]


def inverter(model: int, *, a: Sequence[int], w: int) -> list[int]:
    """Models 101 to 103."""
    body = [0xFFFF] * 50
    body[0:5] = [sum(a), *a, 0xFFFF]
    body[8:12] = [2300, 2301, 2302, 0xFFFF]
    body[12:16] = [w, 0, 5000, 0xFFFE]
    body[22:25] = [0, 50_000, 0]
    return [model, len(body), *body]


def row(blocks: Iterable[Sequence[int]], base: int = 40000) -> dict[int, int]:
    """The blocks behind the letters, at the addresses of the wire."""
    words = [0x5375, 0x6E53]
    for block in blocks:
        words += block
    return dict(enumerate(words + END, base))
