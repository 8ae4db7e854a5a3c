from sitectl.config.issues import Findings, Mark, Path
from sitectl.config.models import Configuration
from sitectl.config.shape import validate


def marks(value: object, path: Path = ()) -> dict[Path, Mark]:
    """Every value on a line of its own."""
    found = {path: Mark("f", None, (1, 1))}
    if isinstance(value, dict):
        for key, child in value.items():
            found |= marks(child, (*path, key))
    return found


def checked(data: dict[str, object]) -> tuple[Configuration | None, list[str]]:
    findings = Findings(marks(data), "f")
    config = validate(Configuration, data, findings)
    return config, [f"{error.path}: {error.message}" for error in findings.errors]


def test_what_is_sound_survives_what_is_not() -> None:
    config, errors = checked(
        {
            "site": {"name": "depot", "colour": "red"},
            "circuits": {"grid": {"rated_a": 100, "base_load_worst_a": "much"}, "garage": {"parent": "grid"}},
            "stations": {"CP01": {"circuit": "grid", "max_a": 16, "priority": 1.5}, "CP 2": {}},
            "ocpp": {"versions": ["1.6", "3.0"], "allow_from": [1, "10.0.0.0/8", 2]},
        }
    )
    assert config is not None
    assert config.site.name == "depot"
    assert list(config.circuits) == ["grid"]
    assert config.circuits["grid"].base_load_worst_a is None
    assert list(config.stations) == ["CP01"]
    assert config.ocpp.versions == ["1.6"]
    assert config.ocpp.allow_from == ["10.0.0.0/8"]
    assert len(errors) == 10


def test_a_list_that_is_cut_empty_falls_back_to_its_default() -> None:
    config, errors = checked({"ocpp": {"versions": ["3.0"]}})
    assert config is not None
    assert config.ocpp.versions == ["1.6"]
    assert len(errors) == 1


def test_sections_of_later_keys_are_not_blamed_for_absent_ones() -> None:
    _, errors = checked({"stations": {"CP01": {"on_uplink_loss": "hold"}}})
    assert errors == ["stations.CP01.on_uplink_loss: is not in this version"]


def test_nonsense_of_every_type_is_told_in_words() -> None:
    for nonsense in (None, True, 3, 2.5, "x", [], {}, [[]], {"x": {}}):
        for key in Configuration.model_fields:
            config, errors = checked({key: nonsense})
            assert config is not None
            assert all("should" not in error for error in errors), errors
