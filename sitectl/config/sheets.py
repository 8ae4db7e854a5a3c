"""Sheets of meter models: YAML files of facts, shipped beside the meters room or put by the operator into `meters.d/`.

A sheet names its model, the blocks to read and the registers in them. Function and word order may be said once for all
or, word order, at a single register. A sheet of the operator goes before a shipped one of the same name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib.resources import files as package_files
from pathlib import Path as FilePath

from sitectl.config import document, files, shape
from sitectl.config.document import Document
from sitectl.config.issues import Findings, Issue, Path, did_you_mean, shown
from sitectl.config.sheet_shape import REGISTERS_IN_TYPE, FactorSection, Sheet, WiringSection
from sitectl.model.sheets import Block, MeterSheet, Probe, Protocol, Register, WiringFact

DIRECTORY = "meters.d"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LIMIT_BYTES = 256 * 1024
_CURRENTS = ("l1_current", "l2_current", "l3_current")


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where sheets are looked for: the operator's own directory, then what is shipped."""

    own: FilePath
    shipped: FilePath

    def names(self) -> list[str]:
        """Every sheet there is."""
        return sorted({path.stem for place in (self.own, self.shipped) for path in _listed(place)})

    def find(self, name: str) -> FilePath | None:
        """The file of the sheet `name`."""
        if not _NAME.fullmatch(name):
            return None
        candidates = (place / f"{name}.yaml" for place in (self.own, self.shipped))
        return next((path for path in candidates if _is_file(path)), None)

    def cure(self, name: str) -> str:
        """What to say of a sheet that is not there."""
        return did_you_mean(name, self.names())


def shelf(directory: FilePath) -> Shelf:
    """The sheets for a configuration in `directory`. The shipped ones are data of the package, found, not imported."""
    return Shelf(directory / DIRECTORY, FilePath(str(package_files("sitectl") / "meters" / "sheets")))


def load_sheet(path: FilePath) -> MeterSheet | list[Issue]:
    """Read one sheet; every fault of it when it cannot be used."""
    content = files.read(path, _LIMIT_BYTES)
    if isinstance(content, files.Unreadable):
        return [Issue(str(path), None, None, "", content.reason, content.cure)]
    read = document.parse(content.data, str(path))
    if not isinstance(read.data, dict):
        return read.errors or [Issue(read.file, 1, 1, "", "not a sheet", "begin with id: and title:")]
    return _checked(read, read.data, path.stem)


def _checked(read: Document, data: dict[str, object], stem: str) -> MeterSheet | list[Issue]:
    findings = Findings(read.marks, read.file, list(read.errors), lost=read.lost)
    sheet = shape.validate(Sheet, data, findings)
    if sheet is None or findings.errors:
        return findings.errors
    if sheet.id != stem:
        findings.error(("id",), f"{shown(sheet.id)} is not the name of the file", f"write id: {stem}")
    if Protocol(sheet.protocol) is Protocol.MODBUS:
        _check_blocks(sheet, findings)
        _check_registers(sheet, findings)
    return findings.errors or _frozen(sheet)


def _check_blocks(sheet: Sheet, findings: Findings) -> None:
    if not sheet.blocks:
        findings.error(("blocks",), "no block, so nothing is read", "add {address: 0, count: 18}")
    for index, block in enumerate(sheet.blocks):
        if block.count > sheet.largest_read:
            message = f"{block.count} registers, and the device answers {sheet.largest_read} at most"
            findings.error(("blocks", index, "count"), message, "make two blocks of it")
        if block.address + block.count > 65536:
            findings.error(("blocks", index, "count"), "reaches beyond register 65535", "make it shorter")


def _check_registers(sheet: Sheet, findings: Findings) -> None:
    taken: dict[int, Path] = {}
    for quantity in _CURRENTS:
        if quantity not in sheet.registers and sheet.refused is None:
            findings.error(("registers", quantity), "required, but absent", "a fuse needs the current of every phase")
    values: list[tuple[Path, FactorSection]] = [(("factors", name), factor) for name, factor in sheet.factors.items()]
    values += [(("registers", str(quantity)), register) for quantity, register in sheet.registers.items()]
    for path, value in values:
        end = value.address + REGISTERS_IN_TYPE[value.type]
        if not any(b.address <= value.address and end <= b.address + b.count for b in sheet.blocks):
            message = f"registers {value.address} to {end - 1} are in no block"
            findings.error((*path, "address"), message, "add a block or correct the address")
        for address in range(value.address, end):
            other = taken.setdefault(address, path)
            if other is not path:
                message = f"overlaps {'.'.join(map(str, other))} at register {address}"
                findings.error((*path, "address"), message, "correct the address or the type of one of them")
                break
    for quantity, register in sheet.registers.items():
        for key in ("times", "exponent", "negative_if"):
            named = getattr(register, key)
            for factor in named if isinstance(named, list) else [named] if named else []:
                if factor not in sheet.factors:
                    path = ("registers", quantity, key)
                    findings.error(path, f"no factor {shown(factor)}", did_you_mean(factor, list(sheet.factors)))


def _frozen(sheet: Sheet) -> MeterSheet:
    registers = {
        str(quantity): replace(
            _register(str(quantity), register, sheet),
            unit=register.unit,
            times=tuple(register.times),
            exponent=register.exponent,
            negative_if=register.negative_if,
        )
        for quantity, register in sheet.registers.items()
    }
    blocks = tuple(Block(block.function or sheet.function, block.address, block.count) for block in sheet.blocks)
    return MeterSheet(
        id=sheet.id,
        title=sheet.title,
        registers=registers,
        blocks=blocks,
        unit=sheet.unit,
        current_signed=sheet.current_signed,
        power_sign=sheet.power_sign,
        pause_s=sheet.pause_s,
        traps=tuple(sheet.traps),
        sources=tuple(sheet.sources),
        defaults=dict(sheet.defaults),
        protocol=Protocol(sheet.protocol),
        factors={name: _register(name, factor, sheet) for name, factor in sheet.factors.items()},
        wiring=tuple(_wiring(fact, sheet) for fact in sheet.wiring),
        largest_read=sheet.largest_read,
        confirmed=sheet.confirmed,
        explicit_sign=sheet.explicit_sign,
        refused=sheet.refused,
        makers=dict(sheet.makers),
        probe=_probe(sheet),
    )


def _probe(sheet: Sheet) -> Probe | None:
    probe = sheet.probe
    return None if probe is None else Probe(probe.function or sheet.function, probe.address, tuple(probe.values))


def _register(name: str, value: FactorSection, sheet: Sheet) -> Register:
    return Register(
        quantity=name,
        address=value.address,
        type=value.type,
        scale=value.scale,
        word_order=value.word_order or sheet.word_order,
        not_available=tuple(value.not_available),
    )


def _wiring(fact: WiringSection, sheet: Sheet) -> WiringFact:
    return WiringFact(
        function=fact.function or sheet.function,
        register=Register("wiring", fact.address, fact.type, word_order=fact.word_order or sheet.word_order),
        bits=dict(fact.bits),
        codes=dict(fact.codes),
        nibbles=dict(fact.nibbles),
        expect=tuple(fact.expect),
        otherwise=fact.otherwise,
        only_if=None if fact.only_if is None else (fact.only_if.address, fact.only_if.equals),
    )


def _listed(directory: FilePath) -> list[FilePath]:
    try:
        return [path for path in directory.iterdir() if path.suffix == ".yaml"]
    except OSError:
        return []


def _is_file(path: FilePath) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
