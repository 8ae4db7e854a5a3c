"""Values of ours as JSON and back: what is built again equals what it was, to the bit, for all that is recorded."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, get_type_hints

import orjson
import pytest

from sitectl.allocator.rules import AllocatorMemory, SharingRules
from sitectl.base.errors import InternalError
from sitectl.model.circuit import Topology
from sitectl.model.electrical import ALL_PHASES, Phase, PhaseCurrents
from sitectl.model.ids import EvseId, StationId
from sitectl.model.metering import Freshness
from sitectl.model.snapshot import CircuitSnapshot, EvseSnapshot, MeterSnapshot, SiteSnapshot, StationSnapshot
from sitectl.site.plain import builder, built, plain
from tests.unit.state.small_site import A, plan, site


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (float, 0.1 + 0.2),
        (float, -inf),
        (float | None, None),
        (float | None, 5e-324),
        (float, 1.7976931348623157e308),
        (int, 2**53),
        (bool, True),
        (Freshness, Freshness.LOST),
        (EvseId, EvseId(StationId("Ä"), 2)),
        (PhaseCurrents | None, PhaseCurrents(1.0, -2.5, 1 / 3)),
        (tuple[Phase, ...], ALL_PHASES),
        (tuple[float | None, str], (None, "x")),
        (Mapping[EvseId, float | None], {EvseId(StationId("B"), 1): None, EvseId(StationId("A"), 1): 1.0}),
        (frozenset[str], frozenset(["b", "a"])),
        (Topology, site(plan(A, evses=2))),
        (SharingRules, SharingRules(mode="strict-priority")),
    ],
)
def test_there_and_back(hint: Any, value: Any) -> None:
    again = built(hint, orjson.loads(orjson.dumps(plain(value))))
    assert again == value
    assert type(again) is type(value)
    if isinstance(value, Mapping):
        assert list(again) == list(value), "the order counts"


def test_every_float_keeps_every_bit() -> None:
    for number in range(1, 2000):
        (value,) = struct.unpack("d", struct.pack("Q", number * 9_218_868_437_227))
        again = built(float, orjson.loads(orjson.dumps(plain(value))))
        assert struct.pack("d", again) == struct.pack("d", value)


@pytest.mark.parametrize(
    "cls",
    [
        AllocatorMemory,
        SharingRules,
        Topology,
        CircuitSnapshot,
        EvseSnapshot,
        MeterSnapshot,
        SiteSnapshot,
        StationSnapshot,
    ],
)
def test_every_type_that_is_recorded_is_known(cls: type) -> None:
    for name, hint in get_type_hints(cls).items():
        builder(hint), name  # raises for what it does not know


@dataclass(frozen=True)
class Odd:
    either: int | tuple[int, ...]


def test_what_cannot_be_told_apart_is_refused_when_it_is_first_met() -> None:
    with pytest.raises(InternalError, match="which of its types a value has is not told"):
        builder(Odd)
    with pytest.raises(InternalError, match="complex cannot be recorded"):
        plain(1j)
