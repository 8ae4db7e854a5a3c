import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sitectl.base.tasks import Tasks
from tests.unit.api.test_app import Served


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """The interface on a socket of its own, which is gone at the end."""
    served, tasks = Served(tmp_path), Tasks()
    served.server.open()
    running = tasks.spawn(served.server.serve(), "api")
    yield served
    served.server.stop()
    await asyncio.wait_for(running, 5)
    assert not served.path.exists()
