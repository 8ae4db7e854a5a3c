"""A backup of the whole gateway, as it runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Query
from fastapi.responses import StreamingResponse

from sitectl.api.history import History
from sitectl.api.roles import needs


def add_backup(app: FastAPI, history: History) -> None:
    """Add the path."""

    @app.get(
        "/v1/backup",
        summary="The ledger of this moment and the configuration as one archive (tar)",
        dependencies=[Depends(needs("admin"))],
    )
    async def backup(
        secrets: Annotated[bool, Query(description="with keys and passwords")] = False,
    ) -> StreamingResponse:
        return StreamingResponse(await history.backups.prepare(secrets=secrets), media_type="application/x-tar")
