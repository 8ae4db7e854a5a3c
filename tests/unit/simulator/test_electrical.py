"""Phases, circuits and overloads of the ground truth."""

import pytest

from sitectl.simulator.electrical import CircuitSpec, FuseRecord, Wish, add, fill, path, rotate

ALL = (True, True, True)


@pytest.mark.parametrize(
    ("wiring", "expected"),
    [
        ("L1L2L3", (1, 2, 3)),
        ("L2L3L1", (3, 1, 2)),
        ("L3L1L2", (2, 3, 1)),
        ("L1L3L2", (1, 3, 2)),
        ("L3", (0, 0, 1)),
        ("L2L1", (2, 1, 0)),
    ],
)
def test_rotation_puts_each_own_phase_on_its_grid_phase(wiring: str, expected: tuple[float, float, float]) -> None:
    assert rotate((1, 2, 3), wiring) == expected


def test_path_leads_to_the_root() -> None:
    circuits = {
        c.name: c
        for c in (CircuitSpec("grid", 100), CircuitSpec("garage", 63, "grid"), CircuitSpec("row", 32, "garage"))
    }
    assert path("row", circuits) == ["row", "garage", "grid"]
    assert add((1, 2, 3), (1, 0, 1)) == (2, 2, 4)


def test_a_fuse_remembers_peak_ampere_seconds_and_the_longest_run_of_one_phase() -> None:
    fuse = FuseRecord(50)
    for currents, seconds in (
        ((55, 10, 10), 2),
        ((40, 52, 10), 3),
        ((40, 53, 10), 1),
        ((50, 50, 50), 9),
        ((51, 0, 0), 1),
    ):
        for _ in range(seconds):
            fuse.record(1.0, currents)
    assert fuse.peak_a == [55, 53, 50]
    assert fuse.overload_as == 5 * 2 + 2 * 3 + 3 + 1
    assert fuse.longest_overload_s == 4


def test_filling_is_bound_by_the_tightest_phase_of_each_circuit() -> None:
    wishes = [Wish(("garage", "grid"), ALL, 16), Wish(("grid",), (True, False, False), 32)]
    assert fill(wishes, {"garage": (10, 10, 10), "grid": (25, 99, 99)}) == pytest.approx(3 * 10 + 15)
    assert fill(wishes, {"garage": (99, 99, 99), "grid": (99, 99, 99)}) == pytest.approx(3 * 16 + 32)
    assert fill(wishes, {"garage": (0, 0, 0), "grid": (-1, 0, 0)}) == 0
    assert fill([], {}) == 0
