"""What a trial says of a meter, from plain readings."""

from sitectl.meters.once import Look
from sitectl.meters.trial import Level, Trial, judge
from sitectl.model.electrical import PhaseCurrents
from tests.unit.meters.sheet_files import sheet

SHEET = sheet("eastron-sdm630")
CALM = {
    "l1_voltage": 230.0, "l2_voltage": 230.0, "l3_voltage": 230.0,
    "l1_current": 10.0, "l2_current": 10.0, "l3_current": 10.0,
    "l1_power": 2250.0, "l2_power": 2250.0, "l3_power": 2250.0,
    "total_power": 6750.0, "frequency": 50.0, "import_energy": 1000.0, "export_energy": 0.0,
}  # fmt: skip
CHARGING = PhaseCurrents(6.0, 6.0, 6.0)


def looks(count: int = 20, every_s: float = 0.2, renewed: int = 5, **changed: float) -> list[Look | str]:
    """Readings in a row, whose values are renewed with every `renewed`-th."""
    found: list[Look | str] = []
    for number in range(count):
        values = CALM | {"frequency": 50.0 + 0.01 * (number // renewed % 7)} | changed
        currents = PhaseCurrents(values["l1_current"], values["l2_current"], values["l3_current"])
        found.append(Look(number * every_s, 0.05, SHEET, values, currents, None))
    return found


def texts(trial: Trial, level: Level) -> list[str]:
    return [remark.text for remark in trial.remarks if remark.level is level]


def test_a_sound_meter_is_fit_and_its_renewal_is_measured() -> None:
    trial = judge(looks(60), CHARGING)
    assert trial.ok
    assert trial.renewed_s == 1.0
    assert trial.answer_ms == (50.0, 50.0)
    assert texts(trial, Level.DOUBT) == texts(trial, Level.WRONG) == []
    assert texts(trial, Level.WELL) == [
        "all of 60 readings were good",
        "it renews its values every 1 s",
        "its phases add up to its total power",
        "on each phase it shows at least what the stations below it draw",
    ]


def test_one_that_fails_often_is_not_fit() -> None:
    trial = judge([*looks(17), "no answer", "no answer", "noise"], CHARGING)
    assert not trial.ok
    assert trial.failed == {"no answer": 2, "noise": 1}
    assert texts(trial, Level.WRONG) == ["3 of 20 readings were not good, most often because: no answer"]
    assert judge([*looks(39), "no answer"], CHARGING).ok, "one lost answer is told, and no more"


def test_one_that_never_answers_is_judged_by_that_alone() -> None:
    trial = judge(["no answer"] * 5)
    assert not trial.ok
    assert (trial.answer_ms, trial.renewed_s) == (None, None)


def test_a_ratio_that_cannot_be_is_wrong() -> None:
    trial = judge(looks(l2_power=22500.0, total_power=27000.0), CHARGING)
    assert texts(trial, Level.WRONG) == [
        "L2 shows 22500 W, more than 230 V times 10.0 A: a ratio or the sheet is wrong"
    ]


def test_a_transformer_on_another_cable_or_turned_round_is_a_doubt() -> None:
    trial = judge(looks(l2_power=1000.0, l3_power=-2250.0, total_power=1000.0), CHARGING)
    assert texts(trial, Level.DOUBT) == [
        "L2 has a power factor of 0.43: is its current transformer on another phase's cable?",
        "L3 exports while others import: a current transformer is turned round, unless something there generates",
    ]


def test_a_total_that_is_not_the_sum_is_wrong() -> None:
    trial = judge(looks(total_power=3000.0), CHARGING)
    assert texts(trial, Level.WRONG) == ["its phases add up to 6750 W, and its total is 3000 W"]


def test_stations_that_draw_more_than_it_shows_prove_it_wrong() -> None:
    trial = judge(looks(), PhaseCurrents(6.0, 20.0, 6.0))
    (wrong,) = texts(trial, Level.WRONG)
    assert wrong.startswith("the stations draw 20.0 A on L2, and it shows 10.0 A there: its phases are exchanged")


def test_what_the_device_says_of_its_own_wiring_is_wrong() -> None:
    trial = judge(looks(), CHARGING, ["phases exchanged"])
    assert texts(trial, Level.WRONG) == ["it says itself: phases exchanged"]


def test_without_a_car_it_says_that_nothing_was_compared() -> None:
    for nothing in (None, PhaseCurrents(0.0, 0.0, 0.0)):
        assert "no station below it draws enough" in texts(judge(looks(), nothing), Level.DOUBT)[-1]


def test_values_that_never_change_are_a_doubt() -> None:
    trial = judge(looks(60, renewed=1000), CHARGING)
    assert trial.renewed_s is None
    assert "hardly changed" in texts(trial, Level.DOUBT)[0]
