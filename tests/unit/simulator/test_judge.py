"""The verdict on a run."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sitectl.simulator.judge import (
    CircuitOutcome,
    Line,
    Report,
    StatusWatch,
    compare,
    judge_transactions,
    judge_wires,
    ledger_line,
)

STARTED = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
FIRST = Line("CP01", 1, "A", STARTED, 1000, 512.4)
SECOND = Line("CP02", 1, "B", STARTED, 70, 33.0)


def test_three_equal_ledgers_lose_nothing() -> None:
    rounded = [replace(FIRST, energy_wh=512), SECOND]
    result = compare([FIRST, SECOND], rounded, rounded)
    assert (result.stations, result.ledger, result.csms, result.lost, result.doubled) == (2, 2, 2, 0, 0)
    assert round(result.max_energy_difference_wh, 1) == 0.4
    assert judge_transactions(result) == []


def test_a_missing_transaction_is_lost_once_even_when_two_ledgers_miss_it() -> None:
    result = compare([FIRST, SECOND], [FIRST], [FIRST])
    assert (result.lost, result.doubled) == (1, 0)
    assert judge_transactions(result) == [
        "1 transaction(s) lost",
        "transaction CP02/1 B of 12:00:00 is missing in the ledger",
        "transaction CP02/1 B of 12:00:00 is missing in the csms",
    ]


def test_a_stop_that_never_arrived_is_lost() -> None:
    assert compare([FIRST], [FIRST], [replace(FIRST, energy_wh=None)]).lost == 1
    running = replace(FIRST, energy_wh=None)
    assert compare([running], [running], [running]).lost == 0


def test_repeated_and_foreign_transactions_are_doubled() -> None:
    assert compare([FIRST], [FIRST, FIRST], [FIRST]).doubled == 1
    result = compare([FIRST], [FIRST], [FIRST, replace(FIRST, meter_start_wh=999)])
    assert (result.lost, result.doubled) == (0, 1)
    assert "is not the station's, in the csms" in judge_transactions(result)[-1]


def test_a_line_of_the_daemon() -> None:
    entry: dict[str, Any] = {
        "station": "CP01",
        "evse": 1,
        "id_token": "A",
        "started": "2026-11-20T12:00:00.250Z",
        "meter_start_wh": 1000,
        "meter_stop_wh": None,
    }
    assert ledger_line(entry) == replace(FIRST, energy_wh=None)
    assert ledger_line(entry | {"meter_stop_wh": 1512}).energy_wh == 512


def test_only_what_outlasts_the_reaction_is_a_problem() -> None:
    assert judge_wires({"grid": 12.0}, {"grid": 3.0}, {}) == []
    assert judge_wires({"grid": 12.1}, {"garage": 13}, {"grid": 20}) == [
        "fuse grid was over its rating for 12.1 s",
        "the offers in force on garage exceeded its rating for 13.0 s",
        "the daemon had given away more than grid has for 20.0 s",
    ]


def circuit(allocated: float, base: float | None = 20.0) -> dict[str, Any]:
    numbers = {"allocated_a": [10, allocated, 0], "reserved_a": [0, 6, 0], "base_load_a": [base, base, base]}
    return {"cycle": {"ms_p50": 1.0}, "circuits": {"grid": {"rated_a": 80, **numbers}, "row": {"rated_a": 9}}}


def test_status_watch_measures_unbroken_excess() -> None:
    watch = StatusWatch()
    for at, allocated in ((0, 54), (1, 55), (4, 60), (5, 54), (6, 60), (8, 60)):
        watch.look(circuit(allocated), float(at))
    assert watch.longest_excess_s == {"grid": 3.0}
    watch.miss()
    watch.look(circuit(60), 30.0)
    assert watch.longest_excess_s == {"grid": 3.0}
    assert watch.cycle == {"ms_p50": 1.0}


def test_reserves_alone_are_no_offers() -> None:
    watch = StatusWatch()
    status = circuit(54)
    status["circuits"]["grid"]["reserved_a"] = [0, 6, 99]
    for at in (0.0, 30.0):
        watch.look(status, at)
    assert watch.longest_excess_s == {}


def test_unknown_numbers_count_as_nothing_given() -> None:
    watch = StatusWatch()
    watch.look(circuit(70, base=None), 0.0)
    assert watch.longest_excess_s == {}


def test_the_report_is_the_contract_of_the_json() -> None:
    report = Report(
        stations=6,
        seconds=60,
        circuits={"grid": CircuitOutcome(80, (79.96, 70.0, 81.5), 12.44, 4.04)},
        transactions=compare([FIRST], [FIRST], [FIRST]),
        energy_wh=15300.4,
        used_share=0.9312,
        commands_per_ev_hour=22.52,
        cycle_p50_ms=0.912,
        cycle_p99_ms=None,
    )
    assert report.as_json() == {
        "schema": 1,
        "ok": True,
        "stations": 6,
        "seconds": 60,
        "circuits": {
            "grid": {"rated_a": 80, "peak_a": [80.0, 70.0, 81.5], "overload_as": 12.4, "longest_overload_s": 4.0}
        },
        "transactions": {
            "stations": 1,
            "ledger": 1,
            "csms": 1,
            "lost": 0,
            "doubled": 0,
            "max_energy_difference_wh": 0.0,
        },
        "energy_wh": 15300,
        "used_share": 0.931,
        "commands_per_ev_hour": 22.5,
        "cycle_ms": {"p50": 0.91, "p99": None},
        "problems": [],
    }
    assert report.as_text().startswith("WELL: 6 stations, 60 s")
    failed = replace(report, problems=("fuse grid was over",), restarts=1)
    assert not failed.ok
    assert "PROBLEM: fuse grid was over" in failed.as_text()
    assert "started again 1 time" in failed.as_text()
