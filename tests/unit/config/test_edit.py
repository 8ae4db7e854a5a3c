"""One value changed in a file, everything else left byte for byte, and nothing written that could not be used."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sitectl.config import edit
from sitectl.config.edit import Edited, NotEdited, set_value
from sitectl.config.load import Loaded, load

SITE = """\
# the depot
site: {name: depot, data_dir: data}   # near the gate
ocpp: {listen: "127.0.0.1:0"}
circuits:
  grid:            # the main fuse
    rated_a: 100   # gG
    base_load_worst_a: 40
stations:
  CP01: {circuit: grid, max_a: 32, phases: L1L2L3}   # left
  1001:
    circuit: grid
    max_a: 32
    evses: {1: {max_a: 32, phases: L1L2L3}, 2: {max_a: 16, phases: L2L3L1}}
  a.b: {circuit: grid, max_a: 16, phases: L1}
authorization: {mode: free}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    assert isinstance(load(path), Loaded)
    return path


def edited(path: Path, key: str, value: str | None) -> Edited:
    outcome = set_value(path, key, value)
    assert isinstance(outcome, Edited), outcome
    return outcome


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("circuits.grid.rated_a", "80", "rated_a: 100 ", "rated_a: 80  "),
        ("stations.CP01.max_a", "16", "max_a: 32, phases: L1L2L3}   # left", "max_a: 16, phases: L1L2L3}   # left"),
        ("stations.1001.evses.2.max_a", "20", "{max_a: 16, phases: L2L3L1}", "{max_a: 20, phases: L2L3L1}"),
        ("stations.a.b.max_a", "10", "max_a: 16, phases: L1}", "max_a: 10, phases: L1}"),
        ("site.name", "yard7", "name: depot,", "name: yard7,"),
    ],
)
def test_only_the_value_changes(site: Path, key: str, value: str, old: str, new: str) -> None:
    edited(site, key, value)
    assert site.read_text() == SITE.replace(old, new)


def test_what_was_not_there_is_added_and_comments_stay(site: Path) -> None:
    outcome = edited(site, "allocation.dwell_s", "600")
    assert (outcome.before, outcome.after) == (None, 600)
    edited(site, "stations.CP02", "{circuit: grid, max_a: 16, phases: L2}")
    loaded = load(site)
    assert isinstance(loaded, Loaded)
    assert loaded.settings.allocation.dwell_s == 600
    assert "CP02" in loaded.settings.topology.stations
    assert all(comment in site.read_text() for comment in ("# the depot", "# near the gate", "# gG", "# left"))


def test_a_removed_value_is_the_default_again(site: Path) -> None:
    edited(site, "circuits.grid.reserve_a", "3")
    edited(site, "circuits.grid.reserve_a", None)
    assert site.read_text() == SITE
    assert isinstance(set_value(site, "circuits.grid.reserve_a", None), NotEdited)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("stations.CP01.circuit", "gird", 'did you mean "grid"?'),
        ("stations.CP01.min_a", "40", "min_a"),
        ("circuits.grid.rated_a", "-5", "rated_a"),
        ("stations.CP01.colour", "red", "colour"),
        ("circuits.grid", "7", "circuits.grid"),
    ],
)
def test_what_could_not_be_used_is_refused_and_nothing_is_written(site: Path, key: str, value: str, said: str) -> None:
    outcome = set_value(site, key, value)
    assert isinstance(outcome, NotEdited)
    assert any(said in str(fault) for fault in outcome.faults), outcome
    assert site.read_text() == SITE
    assert list(site.parent.iterdir()) == [site]


@pytest.mark.parametrize("value", ["[1", "{a: b", "&x *x", "1: 2: 3", "\x00", "!!python/object:os.system x", ""])
@pytest.mark.parametrize("key", ["site.name", "", ".", "site..name", "site.name.more", "stations[9]"])
def test_nonsense_is_told_in_words(site: Path, key: str, value: str) -> None:
    outcome = set_value(site, key, value)
    if isinstance(outcome, NotEdited):
        assert outcome.why
        assert site.read_text() == SITE
    else:
        assert key == "site.name"


def test_a_broken_configuration_may_be_mended_step_by_step(site: Path) -> None:
    site.write_text(SITE.replace("circuit: grid, max_a: 32, phases: L1L2L3}   # left", "circuit: gird, max_a: 320}"))
    outcome = edited(site, "circuits.grid.rated_a", "90")
    assert outcome.remaining
    assert not edited(site, "stations.CP01.circuit", "grid").remaining


def test_a_value_of_a_part_is_changed_in_that_part(site: Path) -> None:
    part = site.parent / "conf.d" / "tenant.yaml"
    part.parent.mkdir()
    part.write_text("stations:\n  CP09: {circuit: grid, max_a: 16, phases: L3}   # tenant's\n")
    assert edited(site, "stations.CP09.max_a", "10").file == part
    assert part.read_text() == "stations:\n  CP09: {circuit: grid, max_a: 10, phases: L3}   # tenant's\n"
    assert site.read_text() == SITE


def test_rights_and_links_stay(site: Path) -> None:
    site.chmod(0o604)
    link = site.parent / "link.yaml"
    link.symlink_to(site)
    edited(link, "site.name", "yard")
    assert link.is_symlink()
    assert site.stat().st_mode & 0o777 == 0o604
    assert "name: yard" in site.read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_who_may_not_write_is_told(site: Path) -> None:
    site.parent.chmod(0o500)
    outcome = set_value(site, "site.name", "yard")
    site.parent.chmod(0o700)
    assert isinstance(outcome, NotEdited)
    assert "cannot be written" in outcome.why


def test_two_at_once_both_stand(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    met, real = threading.Barrier(2), edit.load

    def together(*arguments: object) -> object:
        """Whoever gets here waits a moment for the other, who comes where nothing keeps him out."""
        try:
            met.wait(0.2)
        except threading.BrokenBarrierError:
            met.reset()
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(edit, "load", together)
    with ThreadPoolExecutor(2) as both:
        ends = [both.submit(set_value, site, f"stations.{id}.max_a", "10") for id in ("CP01", "1001")]
        assert all(isinstance(end.result(), Edited) for end in ends)
    assert site.read_text().count("max_a: 10") == 2


def test_what_an_editor_wrote_meanwhile_is_not_undone(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, by_hand = edit.load, SITE.replace("rated_a: 100", "rated_a: 63 ")

    def late(*arguments: object) -> object:
        site.write_text(by_hand)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(edit, "load", late)
    outcome = set_value(site, "stations.CP01.max_a", "10")
    assert isinstance(outcome, NotEdited)
    assert "somebody else has changed it" in outcome.why
    assert site.read_text() == by_hand
