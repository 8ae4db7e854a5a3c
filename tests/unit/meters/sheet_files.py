"""The shipped sheets, read."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from sitectl.model.sheets import Block, MeterSheet, Register

SHEETS = Path(__file__).parents[3] / "sitectl/meters/sheets"
IDS = sorted(path.stem for path in SHEETS.glob("*.yaml"))


def sheet(name: str) -> MeterSheet:
    data: dict[str, Any] = YAML(typ="safe").load((SHEETS / f"{name}.yaml").read_text(encoding="utf-8"))
    return MeterSheet(
        id=data["id"],
        title=data["title"],
        unit=data["unit"],
        current_signed=data["current_signed"],
        power_sign=data["power_sign"],
        pause_s=data["pause_s"],
        blocks=tuple(Block(**block) for block in data["blocks"]),
        registers={
            quantity: Register(quantity, **{"word_order": data["word_order"], **register})
            for quantity, register in data["registers"].items()
        },
        traps=tuple(data["traps"]),
        sources=tuple(data["sources"]),
        defaults=data["defaults"],
    )
