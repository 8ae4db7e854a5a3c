"""The interview: what is asked, what is taken, what is written, and that a closed terminal loses nothing."""

import io
import json
import os
import stat
from pathlib import Path

import pytest
import typer

from sitectl.cli.init import begin_site
from sitectl.cli.questions import StationLine, station_line
from sitectl.config.load import Loaded, load

BEGIN = ["depot", "Europe/Berlin", "wye", "100", "60", "garage 63", "", "eastron-sdm630", "tcp://10.0.0.5:502", "1"]
REST = ["127.0.0.1:8887", "CP01..CP03 32 garage", "2CP 16 grid L2", "", "generated", "none", "list"]


def say(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def loaded(path: Path) -> Loaded:
    outcome = load(path)
    assert isinstance(outcome, Loaded), outcome
    return outcome


def test_an_interview_gives_a_site_that_can_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say(monkeypatch, [*BEGIN, *REST])
    begin_site(tmp_path / "site.yaml")
    settings = loaded(tmp_path / "site.yaml").settings
    assert settings.topology.circuits["grid"].rated_a == 100
    assert settings.topology.circuits["garage"].parent == "grid"
    assert set(settings.topology.stations) == {"CP01", "CP02", "CP03", "2CP"}
    assert settings.meters["main"].sheet.id == "eastron-sdm630"
    passwords = {(tmp_path / "secrets" / id).read_bytes() for id in settings.topology.stations}
    assert len(passwords) == 4
    assert all(16 <= len(password.strip()) <= 40 for password in passwords)
    assert stat.S_IMODE((tmp_path / "secrets" / "CP01").stat().st_mode) & 0o027 == 0
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["secrets", "site.yaml", "tokens.csv"]
    assert "ws://127.0.0.1:8887/<its id>" in capsys.readouterr().out


@pytest.mark.parametrize("at", range(len(BEGIN + REST)))
def test_a_terminal_that_closes_at_any_question_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    lines, target = BEGIN + REST, tmp_path / "site.yaml"
    say(monkeypatch, lines[:at])
    with pytest.raises(typer.Exit):
        begin_site(target)
    assert not target.exists()
    say(monkeypatch, lines[at:])
    begin_site(target)
    assert set(loaded(target).settings.topology.stations) == {"CP01", "CP02", "CP03", "2CP"}


def test_a_wrong_answer_is_told_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {
        "Europe/Berln": 'did you mean "Europe/Berlin"?',
        "star": "choose one of wye",
        "-5": "more than 0",
        "nan": "more than 0",
        "100": "below the main fuse",
        "garage 63 gird": 'did you mean "grid"?',
        "grid 20": "already",
        "eastron-sdm360": 'did you mean "eastron-sdm630"?',
        "udp://x": "not a connection",
        "300": "0 to 255",
        "nowhere": "host:port",
        "CP01": "such as CP01 32",
        "CP09..CP01 16": "no range",
        "CP/1 16": "names no station",
        "CP09 16 cellar": "no circuit",
        "CP09 16 grid L4": "names no phases",
        "CP02 16": "there already",
        "http://x": "not a WebSocket URL",
    }
    w = iter(wrong)
    order = ["depot", next(w), "Europe/Berlin", next(w), "wye", next(w), next(w), "100", next(w), "60"]
    order += [next(w), next(w), "garage 63", "", next(w), "eastron-sdm630", next(w), "tcp://10.0.0.5:502", next(w), "1"]
    order += [next(w), "127.0.0.1:8887", "CP01..CP03 32 garage", *(next(w) for _ in range(6)), "", "generated"]
    order += [next(w), "none", "list"]
    say(monkeypatch, order)
    begin_site(tmp_path / "site.yaml")
    assert not list(w)
    out = capsys.readouterr().out
    assert [text for text in wrong.values() if text not in out] == []
    assert set(loaded(tmp_path / "site.yaml").settings.topology.stations) == {"CP01", "CP02", "CP03"}


def test_back_and_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    say(monkeypatch, ["<", "depot", "Europe/Berlin", "<", "<", "yard", "", "?", *BEGIN[2:], *REST])
    begin_site(tmp_path / "site.yaml")
    assert loaded(tmp_path / "site.yaml").settings.site.name == "yard"
    assert "230/400 V" in capsys.readouterr().out


def test_what_exists_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "site.yaml"
    target.write_text("site: {name: mine}\n")
    say(monkeypatch, BEGIN + REST)
    with pytest.raises(typer.Exit):
        begin_site(target)
    assert target.read_text() == "site: {name: mine}\n"


def test_what_cannot_be_used_is_not_written_and_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unusable = [
        "depot",
        "UTC",
        "wye",
        "40",
        "39",
        "",
        "none",
        "127.0.0.1:8887",
        "CP01 32",
        "",
        "pinned",
        "none",
        "free",
    ]
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "more.yaml").write_text("stations: {CP02: {circuit: cellar, max_a: 16}}\n")
    say(monkeypatch, unusable)
    with pytest.raises(typer.Exit):
        begin_site(tmp_path / "site.yaml")
    assert not (tmp_path / "site.yaml").exists()
    assert "cellar" in capsys.readouterr().err
    (tmp_path / "conf.d" / "more.yaml").unlink()
    say(monkeypatch, [""] * 20)
    begin_site(tmp_path / "site.yaml")
    assert loaded(tmp_path / "site.yaml").settings.topology.circuits["grid"].rated_a == 40


@pytest.mark.parametrize("kept", ["", "[]", "{", '{"said": 5}', '{"said": {"name": 7}, "done": ["name"]}', "\x00"])
def test_a_spoilt_draft_is_no_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str) -> None:
    (tmp_path / ".site.yaml.init").write_text(kept)
    say(monkeypatch, BEGIN + REST)
    begin_site(tmp_path / "site.yaml")
    assert loaded(tmp_path / "site.yaml").settings.site.name == "depot"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_who_may_not_write_learns_it_before_the_first_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o500)
    say(monkeypatch, BEGIN + REST)
    with pytest.raises(typer.Exit):
        begin_site(tmp_path / "site.yaml")
    tmp_path.chmod(0o700)
    said = capsys.readouterr()
    assert "may write there" in said.err
    assert "called" not in said.out


def test_the_draft_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, (BEGIN + REST)[:-1])
    with pytest.raises(typer.Exit):
        begin_site(tmp_path / "site.yaml")
    draft = tmp_path / ".site.yaml.init"
    assert stat.S_IMODE(draft.stat().st_mode) == 0o600
    assert set(json.loads(draft.read_text())) == {"said", "done"}


def test_a_range_of_stations() -> None:
    assert station_line("A08..A10 16 garage L2") == StationLine(("A08", "A09", "A10"), "16", "garage", "L2")
    assert station_line("CP01 32") == StationLine(("CP01",), "32", "grid", "unknown")
