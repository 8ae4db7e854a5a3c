"""Whatever registers a device serves: nothing raises, and what is believed is a finite current on every phase."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from sitectl.meters.decode import decode, number, reading, signed_currents
from sitectl.meters.plausibility import CURRENT_LIMIT_A, objection
from sitectl.model.ids import MeterId
from sitectl.model.sheets import MeterSheet, Register
from tests.unit.meters.facts import image
from tests.unit.meters.sheet_files import IDS, sheet

WORD = st.integers(0, 0xFFFF)
SHEETS = [sheet(name) for name in IDS]
MAGNITUDES = MeterSheet("magnitudes", "", {}, ())
IMAGES = {name: image(name) for name in IDS}


@settings(max_examples=200)
@given(st.data())
def test_a_register_image_gone_wrong_is_refused_or_finite(data: st.DataObject) -> None:
    """Some words of a true image are replaced: a firmware that moved a value, a gateway that mixed answers up."""
    chosen = data.draw(st.sampled_from(SHEETS))
    registers = dict(IMAGES[chosen.id])
    registers.update(data.draw(st.dictionaries(st.sampled_from(sorted(registers)), WORD, max_size=12)))
    values = decode(
        chosen,
        [(block, tuple(registers.get(block.address + i, 0) for i in range(block.count))) for block in chosen.blocks],
    )
    assert all(value is None or math.isfinite(value) for value in values.values())
    if objection(values) is None:
        made = reading(MeterId("m"), 0.0, chosen, values)
        assert made is not None
        assert all(abs(ampere) <= CURRENT_LIMIT_A for ampere in made.current_a)


@settings(max_examples=200)
@given(
    st.sampled_from([("u16", 1), ("i16", 1), ("u32", 2), ("i32", 2), ("f32", 2), ("u64", 4), ("i64", 4), ("f64", 4)]),
    st.lists(WORD, min_size=4, max_size=4),
    st.sampled_from(["big", "little"]),
    st.floats(-1e6, 1e6, allow_nan=False),
    st.sampled_from(["", "A", "mA", "kWh", "MW"]),
)
def test_a_number_is_finite_or_unknown(
    type_: tuple[str, int], words: list[int], word_order: str, scale: float, unit: str
) -> None:
    value = number(Register("q", 0, type_[0], scale, word_order, unit), tuple(words[: type_[1]]))
    assert value is None or math.isfinite(value)


@given(
    st.lists(st.none() | st.floats(-1000, 1000), min_size=3, max_size=3),
    st.lists(st.none() | st.floats(-1e5, 1e5), min_size=3, max_size=3),
)
def test_a_sign_never_makes_a_current_smaller_or_an_unknown_one_known(
    currents: list[float | None], powers: list[float | None]
) -> None:
    served = {f"l{phase}_current": value for phase, value in enumerate(currents, 1)}
    served |= {f"l{phase}_power": value for phase, value in enumerate(powers, 1)}
    signed = signed_currents(MAGNITUDES, served)
    assert (signed is None) == (None in currents)
    for ampere, magnitude, power in zip(signed or (), currents, powers, strict=False):
        assert magnitude is not None
        assert abs(ampere) == abs(magnitude)
        assert ampere >= 0 or (power is not None and power < 0)
