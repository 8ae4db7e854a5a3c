"""A bundle is asked for when something is broken: then, too, it holds no secret."""

import tarfile
from pathlib import Path

import pytest

from sitectl.cli import bundle
from sitectl.config.load import Broken, load

HOOK, PASSWORD, TOKEN = "https://hooks.example.com/kT7-planted", "kT7-planted-password", "PLANTEDLISTED88"
UNKNOWN_CIRCUIT = f"""\
site: {{name: depot, data_dir: data}}
circuits: {{grid: {{rated_a: 63, base_load_worst_a: 10}}}}
stations: {{CP01: {{circuit: gird, max_a: 32, password_file: cp01.password}}}}
authorization: {{mode: list, tokens_file: tokens.csv}}
alerts:
- {{webhook: "{HOOK}"}}
"""
NO_YAML = UNKNOWN_CIRCUIT + "uplinks: {"


def bundled(folder: Path, configuration: str) -> str:
    """All that a bundle of such a site holds."""
    config, made = folder / "site.yaml", folder / "support.tar.gz"
    config.write_text(configuration)
    assert isinstance(load(config), Broken)
    bundle.write(made, config, None, {}, {})
    with tarfile.open(made) as tar:
        return b"".join(tar.extractfile(name).read() for name in tar.getnames()).decode()  # type: ignore[union-attr]


@pytest.mark.parametrize("configuration", [UNKNOWN_CIRCUIT, NO_YAML])
def test_the_address_of_a_webhook_is_not_in_a_broken_configuration(tmp_path: Path, configuration: str) -> None:
    text = bundled(tmp_path, configuration)
    assert "kT7" not in text
    assert "gird" in text


def test_what_the_files_hold_that_it_names_is_not_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cp01.password").write_text(f"{PASSWORD}\n")
    (tmp_path / "tokens.csv").write_text(f"id_token,group,parent,valid_until,note\n{TOKEN},,,,\n")
    monkeypatch.setattr(bundle, "_log", lambda: f"CP01 came with {PASSWORD} and {TOKEN}: turned away\n")
    text = bundled(tmp_path, UNKNOWN_CIRCUIT)
    assert "turned away" in text
    assert PASSWORD not in text
    assert TOKEN not in text


def test_a_name_that_leads_to_no_file_ends_nothing(tmp_path: Path) -> None:
    assert "gird" in bundled(tmp_path, UNKNOWN_CIRCUIT.replace("cp01.password", "/dev/zero"))
