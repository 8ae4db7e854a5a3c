"""Register maps written down a second time, and register images built from them without any code of the package.

`registers.csv` is what public sources say of the shipped models; a slip in a sheet shows against it.
"""

import csv
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FORMATS = {"u16": "H", "i32": "i", "f32": "f"}
THOUSANDS = {"kWh": 1000.0}

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
"""L2 exports. In base units; every value is one that all three devices can show without rounding."""


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
        packed = struct.pack(f">{FORMATS[self.type]}", raw if self.type[0] == "f" else round(raw))
        words = struct.unpack(f">{len(packed) // 2}H", packed)
        return words if self.word_order != "little" else words[::-1]


def facts(sheet: str) -> dict[str, Fact]:
    with (Path(__file__).parent / "registers.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["quantity"]: Fact(
                int(row["function"]),
                int(row["address"]),
                row["type"],
                row["word_order"],
                float(row["scale"]) * THOUSANDS.get(row["unit"], 1.0),
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
        registers.update(enumerate(fact.words(values[quantity]), fact.address))
    return registers
