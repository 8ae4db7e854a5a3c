"""What a meter is compared with: what the stations below it surely draw."""

from __future__ import annotations

from typing import Any

from sitectl.cli.metering import surely_drawn

CIRCUITS = {"grid": {"meter": "main"}, "garage": {"parent": "grid"}, "yard": {"parent": "grid", "meter": "other"}}


def drawn(phases: str, measured_a: list[float] | None, learned: str | None = None, **listed: Any) -> list[float]:
    settings = {"circuits": CIRCUITS, "stations": {"CP01": {"circuit": "garage", "phases": phases} | listed}}
    evse = {"measured_a": measured_a, "learned_l1": learned}
    return list(surely_drawn({"CP01": {"evses": {"1": evse}}, "NEW1": {"evses": {}}}, settings, "main"))


def test_what_is_wired_as_somebody_said_or_the_site_has_learned_counts_where_it_draws() -> None:
    assert drawn("L1L2L3", [16.0, 0.0, 0.0]) == [16.0, 0.0, 0.0]
    assert drawn("unknown", [0.0, 16.0, 0.0], learned="L2") == [0.0, 16.0, 0.0]
    assert drawn("unknown", [16.0, 0.0, 0.0], evses={"1": {"phases": "L1L2L3"}}) == [16.0, 0.0, 0.0]


def test_of_unknown_wiring_nothing_is_sure_but_what_every_phase_draws() -> None:
    assert drawn("unknown", [16.0, 0.0, 0.0]) == [0.0, 0.0, 0.0]
    assert drawn("unknown", [16.0, 15.8, 16.1]) == [15.8, 15.8, 15.8]
    assert drawn("unknown", None) == [0.0, 0.0, 0.0]


def test_what_is_below_another_meter_as_well_counts_and_what_is_not_below_does_not() -> None:
    assert drawn("L1L2L3", [9.0, 9.0, 9.0], circuit="yard") == [9.0, 9.0, 9.0]
    settings = {"circuits": CIRCUITS, "stations": {"CP01": {"circuit": "garage", "phases": "L1L2L3"}}}
    stations = {"CP01": {"evses": {"1": {"measured_a": [9.0, 9.0, 9.0], "learned_l1": None}}}}
    assert list(surely_drawn(stations, settings, "other")) == [0.0, 0.0, 0.0]
