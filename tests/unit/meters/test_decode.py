import math
import struct

import pytest

from sitectl.meters.decode import decode, number, reading, signed_currents
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import MeterId
from sitectl.model.sheets import Block, MeterSheet, Register
from tests.unit.meters.facts import as_counted, facts, image, shown
from tests.unit.meters.sheet_files import IDS, USABLE, sheet

PLAIN = MeterSheet("plain", "", {}, ())


def words(format_: str, value: float) -> tuple[int, ...]:
    raw = struct.pack(f">{format_}", value)
    return struct.unpack(f">{len(raw) // 2}H", raw)


def register(type_: str, **facts: object) -> Register:
    return Register("l1_current", 0, type_, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("type_", "format_", "value"),
    [
        ("u16", "H", 65534),
        ("i16", "h", -32767),
        ("u32", "I", 4_000_000_000),
        ("i32", "i", -2_000_000_000),
        ("u64", "Q", 2**63 + 2**40),
        ("i64", "q", -(2**62)),
        ("f32", "f", -17.25),
        ("f64", "d", 1e-300),
    ],
)
@pytest.mark.parametrize("word_order", ["big", "little"])
def test_types_and_word_orders(type_: str, format_: str, value: float, word_order: str) -> None:
    raw = words(format_, value)
    ordered = raw if word_order == "big" else raw[::-1]
    assert number(register(type_, word_order=word_order), ordered) == value


@pytest.mark.parametrize(
    ("unit", "base"), [("A", 12.0), ("mA", 0.012), ("kW", 12_000.0), ("Wh", 12.0), ("kWh", 12_000.0), ("", 12.0)]
)
def test_units_become_base_units(unit: str, base: float) -> None:
    assert number(register("u16", unit=unit), (12,)) == pytest.approx(base)


def test_scale_multiplies() -> None:
    assert number(register("i32", scale=0.001), words("i", -16_250)) == pytest.approx(-16.25)


@pytest.mark.parametrize(
    ("type_", "raw"),
    [
        ("f32", words("f", math.nan)),
        ("f32", words("f", math.inf)),
        ("f32", words("f", -math.inf)),
        ("f64", words("d", math.nan)),
        ("i16", (0x8000,)),
        ("i16", (0x7FFF,)),
        ("u16", (0xFFFF,)),
        ("i32", (0x7FFF, 0xFFFF)),
        ("i32", (0x8000, 0)),
        ("u32", (0xFFFF, 0xFFFF)),
        ("i64", (0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF)),
        ("u64", (0xFFFF,) * 4),
        ("acc32", (0, 0)),
        ("acc32", (0xFFFF, 0xFFFF)),
    ],
)
def test_what_is_not_available_is_unknown(type_: str, raw: tuple[int, ...]) -> None:
    assert number(register(type_), raw) is None


def test_zero_and_minus_one_are_values() -> None:
    assert number(register("i16"), (0,)) == 0.0
    assert number(register("i32"), (0xFFFF, 0xFFFF)) == -1.0


@pytest.mark.parametrize(
    ("type_", "raw", "value"),
    [
        ("t5", (0xFF00, 2305), 230.5),
        ("t5", (0x0180, 0), 83_886_080.0),
        ("t6", (0xFEFF, 0xFFFF), -0.01),
        ("t6", (0x0100, 0x0005), 50.0),
    ],
)
def test_decimal_floats(type_: str, raw: tuple[int, ...], value: float) -> None:
    assert number(register(type_), raw) == pytest.approx(value)


def test_an_exponent_is_read_with_the_value_and_one_that_cannot_be_makes_it_unknown() -> None:
    scaled = MeterSheet(
        "x",
        "",
        {"l1_current": Register("l1_current", 0, "i16", exponent="sf")},
        (),
        factors={"sf": Register("sf", 1, "i16")},
    )
    for words_, value in [((4125, 0xFFFE), 41.25), ((4, 1), 40.0), ((4, 0x8000), None), ((4, 11), None), ((4, 0), 4.0)]:
        assert decode(scaled, [(Block(3, 0, 2), words_)])["l1_current"] == (pytest.approx(value) if value else None)


def test_a_ratio_of_zero_makes_a_current_unknown_and_never_zero() -> None:
    with_ratio = MeterSheet(
        "x",
        "",
        {"l1_current": Register("l1_current", 0, "u16", times=("ct",))},
        (),
        factors={"ct": Register("ct", 1, "u16")},
    )
    assert decode(with_ratio, [(Block(3, 0, 2), (5, 40))])["l1_current"] == 200.0
    assert decode(with_ratio, [(Block(3, 0, 2), (5, 0))])["l1_current"] is None


def test_a_power_counted_in_two_directions_is_netted_or_unknown() -> None:
    counters = MeterSheet(
        "x", "", {q: Register(q, a, "u16") for a, q in enumerate(("l1_power_import", "l1_power_export"))}, ()
    )
    assert decode(counters, [(Block(3, 0, 2), (100, 250))])["l1_power"] == -150.0
    assert decode(counters, [(Block(3, 0, 2), (100, 0xFFFF))])["l1_power"] is None


def test_a_sheet_may_name_codes_of_its_own() -> None:
    own = register("i32", word_order="little", not_available=(0xFFFFFFFF, 0x12345678))
    assert number(own, (0xFFFF, 0xFFFF)) is None
    assert number(own, (0x5678, 0x1234)) is None
    assert number(own, (0x1234, 0x5678)) == 0x56781234


@pytest.mark.parametrize("name", IDS)
def test_images_of_the_shipped_models_decode_to_what_was_put_in(name: str) -> None:
    read = sheet(name)
    registers = image(name)
    values = decode(
        read,
        [(block, tuple(registers.get(block.address + i, 0) for i in range(block.count))) for block in read.blocks],
    )
    known = facts(name)
    assert set(known) <= set(values)
    for quantity, value in values.items():
        steps = [known[q].scale for q in known if q.startswith(quantity) and known[q].type[0] != "f"]
        assert value == pytest.approx(shown(quantity), rel=1e-6, abs=0.51 * max(steps, default=0.0)), quantity


@pytest.mark.parametrize("name", USABLE)
def test_every_usable_model_gives_currents_of_the_right_sign(name: str) -> None:
    """The image shows powers as the device counts them: export positive where it does."""
    read = sheet(name)
    turned = as_counted(read.power_sign, current_signed=read.current_signed)
    registers = image(name, turned)
    values = decode(
        read,
        [(block, tuple(registers.get(block.address + i, 0) for i in range(block.count))) for block in read.blocks],
    )
    signed = signed_currents(read, values)
    assert signed is not None
    directed = read.current_signed or values.get("l2_power") is not None
    assert signed == pytest.approx((41.25, -12.5 if directed else 12.5, 0.75), abs=0.1)


def test_registers_of_a_block_that_did_not_come_are_unknown() -> None:
    two = MeterSheet("two", "", {"a": Register("a", 0, "u16"), "b": Register("b", 9, "u32")}, ())
    assert decode(two, [(Block(3, 0, 1), (5,))]) == {"a": 5.0, "b": None}
    assert decode(two, [(Block(3, 0, 10), (5,) + (0,) * 9)]) == {"a": 5.0, "b": None}, "half a value is none"


@pytest.mark.parametrize(("raw", "hertz"), [(500.0, 50.0), (599.8, 59.98), (50.0, 50.0), (0.0, 0.0)])
def test_a_frequency_served_times_ten_is_understood(raw: float, hertz: float) -> None:
    meter = MeterSheet("f", "", {"frequency": Register("frequency", 0, "f32")}, ())
    assert decode(meter, [(Block(3, 0, 2), words("f", raw))])["frequency"] == pytest.approx(hertz, rel=1e-6)


def values(currents: tuple[float | None, ...], powers: tuple[float | None, ...]) -> dict[str, float | None]:
    return {
        **{f"l{phase}_current": value for phase, value in enumerate(currents, 1)},
        **{f"l{phase}_power": value for phase, value in enumerate(powers, 1)},
    }


def test_the_sign_of_a_current_is_that_of_its_power() -> None:
    served = values((10.0, 11.0, -12.0), (2300.0, -2500.0, -2700.0))
    assert signed_currents(PLAIN, served) == (10.0, -11.0, -12.0)


def test_a_current_of_unknown_direction_counts_as_import() -> None:
    assert signed_currents(PLAIN, values((10.0, -11.0, 12.0), (None, None, 0.0))) == (10.0, 11.0, 12.0)
    assert signed_currents(PLAIN, {"l1_current": 1.0, "l2_current": 2.0, "l3_current": 3.0}) == (1.0, 2.0, 3.0)


def test_a_device_that_counts_export_as_positive_is_turned_round() -> None:
    export_positive = MeterSheet("x", "", {}, (), power_sign=-1)
    assert signed_currents(export_positive, values((10.0, 11.0, 12.0), (2300.0, -2500.0, 0.0))) == (-10.0, 11.0, 12.0)
    signed = MeterSheet("x", "", {}, (), power_sign=-1, current_signed=True)
    assert signed_currents(signed, values((10.0, -11.0, 0.0), (None, None, None))) == (-10.0, 11.0, 0.0)


def test_signs_of_a_sheet_that_vouches_for_them_are_kept() -> None:
    signed = MeterSheet("x", "", {}, (), current_signed=True)
    assert signed_currents(signed, values((-10.0, 11.0, 12.0), (2300.0, -2500.0, None))) == (-10.0, 11.0, 12.0)


def test_one_unknown_current_makes_no_reading() -> None:
    served = values((10.0, None, 12.0), (1.0, 1.0, 1.0))
    assert signed_currents(PLAIN, served) is None
    assert reading(MeterId("m"), 1.0, PLAIN, served) is None


def test_a_reading_has_import_positive_and_keeps_unknown_unknown() -> None:
    export_positive = MeterSheet("x", "", {}, (), power_sign=-1)
    served = values((1.0, 2.0, 3.0), (230.0, 460.0, 690.0)) | {"total_power": 1380.0, "import_energy": None}
    assert (made := reading(MeterId("m"), 7.0, export_positive, served, unchanged_since=6.0)) is not None
    assert made.current_a == PhaseCurrents(-1.0, -2.0, -3.0)
    assert (made.at, made.unchanged_since, made.power_w) == (7.0, 6.0, -1380.0)
    assert (made.voltage_v, made.frequency_hz, made.import_wh) == (None, None, None)


def test_total_power_is_summed_only_from_known_phases() -> None:
    full = reading(MeterId("m"), 0.0, PLAIN, values((1.0, 2.0, 3.0), (230.0, -460.0, 690.0)))
    assert full is not None
    assert full.power_w == 460.0
    part = reading(MeterId("m"), 0.0, PLAIN, values((1.0, 2.0, 3.0), (230.0, None, 690.0)))
    assert part is not None
    assert part.power_w is None
