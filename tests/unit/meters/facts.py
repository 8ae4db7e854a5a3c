"""Register maps written down a second time, and register images built from them without any code of the package.

`registers.csv` is what public sources say of the shipped models; a slip in a sheet shows against it.
"""

import csv
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FORMATS = {
    "u16": "H",
    "i16": "h",
    "u32": "I",
    "i32": "i",
    "u64": "Q",
    "i64": "q",
    "f32": "f",
    "f64": "d",
    "acc32": "I",
}
THOUSANDS = {"kWh": 1000.0, "kW": 1000.0}

SUNNY_NOON: Mapping[str, float] = {
    "l1_voltage": 231.5,
    "l2_voltage": 229.0,
    "l3_voltage": 230.5,
    "l1_current": 41.25,
    "l2_current": 12.5,
    "l3_current": 0.75,
    "l1_power": 9500.5,
    "l2_power": -2850.0,
    "l3_power": 160.0,
    "total_power": 6810.5,
    "frequency": 50.0,
    "import_energy": 123_456_000.0,
    "export_energy": 7_890_000.0,
}
"""L2 exports. In base units; every value is one that the devices of the first release can show without rounding."""

OTHER_WORDS: Mapping[str, Mapping[int, int]] = {
    "solaredge-meter": {40194: 0xFFFE, 40203: 0xFFFF, 40205: 0xFFFE, 40210: 0, 40242: 1},
    "legrand-emdx3": {4146: 0, 4147: 1, 4148: 0},
    "chint-dtsu666-ct": {6: 20, 7: 10},
}
"""Scale factors, words with a sign, ratios of transformers: by sheet and address, as the devices would hold them."""

OTHER_SCALES: Mapping[str, Mapping[str, float]] = {
    "solaredge-meter": {"voltage": 0.1, "current": 0.01, "power": 1.0, "frequency": 0.01, "energy": 10.0},
    "chint-dtsu666-ct": {"current": 20.0, "power": 20.0},
}
"""What those make of a value, by the last word of its quantity."""

MAGNITUDES = ("legrand-emdx3",)
"""Models that serve powers without their signs."""


@dataclass(frozen=True)
class Fact:
    """One register of one model. The value on the wire times `scale` is in the base unit (V, A, W, Hz, Wh)."""

    function: int
    address: int
    type: str
    word_order: str
    scale: float

    def words(self, value: float) -> tuple[int, ...]:
        raw = value / self.scale
        if self.type in ("t5", "t6"):  # two decimals: exponent -2, then the mantissa in 24 bits
            return 0xFE00 | (round(raw * 100) >> 16) & 0xFF, round(raw * 100) & 0xFFFF
        packed = struct.pack(f">{FORMATS[self.type]}", raw if self.type[0] == "f" else round(raw))
        words = struct.unpack(f">{len(packed) // 2}H", packed)
        return words if self.word_order != "little" else words[::-1]


def shown(quantity: str, values: Mapping[str, float] = SUNNY_NOON) -> float:
    """What a device shows as `quantity`: counters of two directions are made from the net."""
    if quantity == "telegram_time":
        return 1_800_000_000.0
    if quantity == "meter_present":
        return 1.0
    if quantity.endswith("_import"):
        return max(0.0, values[quantity.removesuffix("_import")])
    if quantity.endswith("_export"):
        return max(0.0, -values[quantity.removesuffix("_export")])
    return values[quantity]


def as_counted(power_sign: int, *, current_signed: bool) -> dict[str, float]:
    """The sunny noon as a device shows it that counts export as positive (`power_sign` -1), or signs its currents."""
    turned = dict(SUNNY_NOON)
    if current_signed:
        turned["l2_current"] = -turned["l2_current"]
    for quantity in turned:
        if quantity.endswith("power") or (current_signed and quantity.endswith("current")):
            turned[quantity] *= power_sign
    return turned


def facts(sheet: str) -> dict[str, Fact]:
    scales = OTHER_SCALES.get(sheet, {})
    with (Path(__file__).parent / "registers.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["quantity"]: Fact(
                int(row["function"]),
                int(row["address"]),
                row["type"],
                row["word_order"],
                float(row["scale"]) * THOUSANDS.get(row["unit"], 1.0) * scales.get(row["quantity"].split("_")[-1], 1.0),
            )
            for row in csv.DictReader(file)
            if row["sheet"] == sheet
        }


def image(sheet: str, values: Mapping[str, float] = SUNNY_NOON) -> dict[int, int]:
    """Registers by address, as the device would hold them; everything it has beyond the known registers is 0."""
    known = facts(sheet)
    lowest = min(fact.address for fact in known.values())
    registers = dict.fromkeys(range(lowest, max(fact.address for fact in known.values()) + 4), 0)
    for quantity, fact in known.items():
        value = shown(quantity, values)
        magnitude = sheet in MAGNITUDES and quantity.endswith("power")
        registers.update(enumerate(fact.words(abs(value) if magnitude else value), fact.address))
    return registers | dict(OTHER_WORDS.get(sheet, {}))
