"""How one station is controlled, in lines for people."""

from __future__ import annotations

from typing import Any

from sitectl.cli.control_table import control_lines

LIMIT = {"verdict": "followed", "from_a": 16.0, "to_a": 6.0, "accepted_s": 0.4, "station_s": 12.1, "meter_s": 5.2}
PHASE = {"verdict": "well", "first": "L2", "transformers": ["not tested", "right", "not tested"]}


def station(**evse: Any) -> dict[str, Any]:
    control = {"step": "tx_profile", "form": "TxProfile in A", "verdict": "proven"}
    written = {"transaction": 12, "transaction_most": 500, "persistent": 3, "persistent_most": 200}
    return {"evses": {"1": {"control": control, "learned_l1": None, "trials": {}} | evse}, "profiles_written": written}


def test_what_holds_what_was_found_and_what_it_cost() -> None:
    lines = list(control_lines(station(learned_l1="L2", trials={"limit_test": LIMIT, "phase_test": PHASE})))
    assert lines == [
        "EVSE 1: limited by TxProfile in A, proven; its L1 lies on L2, as it was learned",
        "EVSE 1: limit test: followed after 5.2 s (16 to 6 A)",
        "EVSE 1: phase test: well, its L1 lies on L2 (current transformers: L2 right)",
        "profiles written in a day: 12 of 500 for one transaction, 3 of 200 others",
    ]


def test_what_its_memory_does_not_mind_has_no_end() -> None:
    free = station()
    free["profiles_written"] |= {"transaction_most": None, "persistent_most": None}
    assert list(control_lines(free))[-1] == "profiles written in a day: 12 for one transaction, 3 others"


def test_what_cannot_be_read_is_left_out() -> None:
    wrongs = ({"limit_test": None}, {"limit_test": {}}, {"phase_test": {"verdict": 3}}, {"other": LIMIT})
    assert all(len(list(control_lines(station(trials=wrong)))) == 2 for wrong in wrongs)
    assert list(control_lines({"evses": {"1": {}}})) == []
