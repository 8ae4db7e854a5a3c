"""What a device says of its own wiring; pure. It is written as bits, codes, or a nibble a phase: the sheet says how."""

from __future__ import annotations

from sitectl.meters.decode import number, width
from sitectl.model.sheets import Block, WiringFact


def span(fact: WiringFact) -> Block:
    """The registers to read: the fact, and the one that it depends on."""
    first, last = fact.register.address, fact.register.address + width(fact.register)
    if fact.only_if is not None:
        first, last = min(first, fact.only_if[0]), max(last, fact.only_if[0] + 1)
    return Block(fact.function, first, last - first)


def verdict(fact: WiringFact, block: Block, words: tuple[int, ...]) -> tuple[str, ...]:
    """What is wrong, as clauses for people; nothing when all is well or the device does not say."""
    if fact.only_if is not None and words[fact.only_if[0] - block.address] != fact.only_if[1]:
        return ()
    start = fact.register.address - block.address
    part = words[start : start + width(fact.register)]
    code = _code(fact, part)
    if code is None:
        return ()
    if fact.expect:
        return () if code in fact.expect else (fact.otherwise,)
    said = [text for bit, text in sorted(fact.bits.items()) if code >> bit & 1]
    said += [text for value, text in sorted(fact.codes.items()) if code == value]
    nibbles = {code >> shift & 0xF for shift in range(0, 16, 4)}
    said += [text for value, text in sorted(fact.nibbles.items()) if value in nibbles]
    return tuple(said)


def _code(fact: WiringFact, words: tuple[int, ...]) -> int | None:
    """The value as an unsigned number: -1 of a float is 0xFFFFFFFF, as it is of an integer."""
    if fact.register.type[0] != "f":
        ordered = words if fact.register.word_order == "big" else words[::-1]
        return int.from_bytes(b"".join(word.to_bytes(2) for word in ordered))
    value = number(fact.register, words)
    return None if value is None else round(value) & 0xFFFFFFFF
