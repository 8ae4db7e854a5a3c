"""What stands at each topic, and when it is told."""

from pathlib import Path
from typing import Any

import orjson

from sitectl.model.ids import EvseId
from sitectl.mqtt.states import Told, sources
from sitectl.mqtt.topics import Topics
from tests.unit.api.quiet_site import CP01, QuietSite
from tests.unit.mqtt.sites import PROBLEM, seen, small_site

TOPICS = Topics("sitectl")


def told_of(quiet: QuietSite, told: Told, *problems: Any) -> dict[str, Any]:
    news = ((source[0], told.news(source)) for source in sources(seen(quiet, *problems), TOPICS))
    return {topic: orjson.loads(payload) for topic, payload in news if payload is not None}


def test_everything_has_its_topic_with_its_raw_id_and_a_schema(tmp_path: Path) -> None:
    told = told_of(small_site(tmp_path), Told(), PROBLEM)
    assert set(told) == {
        "sitectl/site",
        "sitectl/circuits/grid",
        "sitectl/circuits/garage",
        "sitectl/meters/main",
        "sitectl/uplinks/central",
        *(f"sitectl/stations/{id}" for id in ("CP01", "CP02", "POST")),
        *(f"sitectl/stations/{id}/evses/{n}" for id, n in (("CP01", 1), ("CP02", 1), ("POST", 1), ("POST", 2))),
    }
    assert all(payload["schema"] == 1 for payload in told.values())
    site = told["sitectl/site"]
    assert (site["id"], site["problem_count"], site["stations_online"], site["evses_charging"]) == (
        "depot-north",
        1,
        3,
        1,
    )
    assert site["problems"][0]["do"] == "Check its power."
    assert told["sitectl/stations/POST"]["evses"] == [1, 2]
    evse = told["sitectl/stations/CP01/evses/1"]
    assert (evse["station"], evse["evse"], evse["measured_a"]) == ("CP01", 1, [10.0, 10.0, 10.0])
    assert "age_s" not in told["sitectl/meters/main"]


def test_only_what_changed_is_told_again(tmp_path: Path) -> None:
    quiet, told = small_site(tmp_path), Told()
    assert told_of(quiet, told)
    assert told_of(quiet, told) == {}
    quiet.charge(EvseId(CP01, 1), 12.0)
    quiet.pass_s(1, 11.0, 12.0, 13.0)
    changed = told_of(quiet, told)
    assert changed["sitectl/stations/CP01/evses/1"]["measured_a"] == [12.0, 12.0, 12.0]
    assert not [topic for topic in changed if "CP02" in topic or "POST" in topic]


def test_a_broker_that_came_back_is_told_everything(tmp_path: Path) -> None:
    quiet, told = small_site(tmp_path), Told()
    everything = told_of(quiet, told)
    told.forget()
    assert told_of(quiet, told) == everything


def test_what_is_no_longer_there_is_known_to_be_gone(tmp_path: Path) -> None:
    quiet, told = small_site(tmp_path), Told()
    topics = set(told_of(quiet, told))
    assert told.gone(topics) == []
    assert told.gone(topics - {"sitectl/stations/CP02"}) == ["sitectl/stations/CP02"]
    assert told.gone(topics - {"sitectl/stations/CP02"}) == []
