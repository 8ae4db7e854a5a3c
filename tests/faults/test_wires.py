"""Wires that fail in every way, on both legs: nothing is lost, doubled or invented, nobody counts for too little."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.storms import LONG, SHORT, together

SEED = int(os.environ.get("SITECTL_SWEEP_SEED", "1"))
AT_ONCE = 5


@pytest.mark.timeout(300)
async def test_wires_that_fail(tmp_path: Path) -> None:
    await together(SHORT, tmp_path, SEED, AT_ONCE)


@pytest.mark.full
@pytest.mark.timeout(1800)
async def test_wires_that_fail_for_long(tmp_path: Path) -> None:
    await together(LONG, tmp_path, SEED, AT_ONCE)
