"""A record is signed by the gateway's own key, and any change of it shows."""

import json
from pathlib import Path
from typing import Any

import pytest

from sitectl.base.errors import EnvironmentFault
from sitectl.base.worker import InlineWorker
from sitectl.security.seal import KEY, Seal, verify
from sitectl.security.vault import Vault

DOCUMENT = {"site": "depot", "steps": [{"light": "green", "ä": 1.5}], "made": None}


async def seal(directory: Path) -> Seal:
    vault = Vault(directory, InlineWorker())
    await vault.open()
    return Seal(vault, InlineWorker())


async def test_what_is_signed_can_be_verified_after_any_way_of_writing_it(tmp_path: Path) -> None:
    signed = await (await seal(tmp_path)).sign(DOCUMENT)
    assert verify(signed) is None
    assert verify(json.loads(json.dumps(signed, indent=4, ensure_ascii=True))) is None
    assert {key: signed[key] for key in DOCUMENT} == DOCUMENT


async def test_the_key_is_made_once_and_kept_for_nobody_else(tmp_path: Path) -> None:
    first = await (await seal(tmp_path)).sign(DOCUMENT)
    again = await (await seal(tmp_path)).sign(DOCUMENT)
    assert first == again
    assert (tmp_path / KEY).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        {"site": "other"},
        {"more": 1},
        {"steps": [{"light": "red", "ä": 1.5}]},
        {"signature": None},
        {"signature": {"algorithm": "none"}},
        {"signature": {"algorithm": "Ed25519", "public_key": "?", "value": "?"}},
        {"signature": {"algorithm": "Ed25519"}},
    ],
)
async def test_a_change_shows(tmp_path: Path, change: dict[str, Any]) -> None:
    signed = await (await seal(tmp_path)).sign(DOCUMENT)
    assert verify({**signed, **change})
    assert verify({key: value for key, value in signed.items() if key != "made"})


async def test_a_key_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    await (await seal(tmp_path)).sign(DOCUMENT)
    (tmp_path / KEY).write_bytes(b"rubbish")
    with pytest.raises(EnvironmentFault, match="restore it"):
        await (await seal(tmp_path)).sign(DOCUMENT)
