"""Reads the JSON schemas of OCPP, which the `ocpp` package ships as files.

The package is found and not imported: importing it loads asyncio and a whole ChargePoint, and all we want is its data.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from sitectl.base.errors import EnvironmentFault
from sitectl.ocpp.schema import Direction
from sitectl.ocpp.versions import Version

_FOLDERS = {Version.V16: "v16", Version.V201: "v201", Version.V21: "v21"}


def load_schemas(version: Version) -> dict[tuple[str, Direction], dict[str, Any]]:
    """All schemas of a version, by action and direction. Raises `EnvironmentFault` when they are not installed."""
    spec = find_spec("ocpp")
    if spec is None or spec.origin is None:
        raise EnvironmentFault("the package ocpp, which holds the OCPP schemas, is not installed")
    folder = Path(spec.origin).parent / _FOLDERS[version] / "schemas"
    schemas: dict[tuple[str, Direction], dict[str, Any]] = {}
    for file in sorted(folder.glob("*.json")):
        schemas[_named(file.stem, version)] = orjson.loads(file.read_bytes())
    if not schemas:
        raise EnvironmentFault(f"no OCPP {version} schemas in {folder}")
    return schemas


def _named(stem: str, version: Version) -> tuple[str, Direction]:
    """1.6 calls its files `Reset` and `ResetResponse`, the later versions `ResetRequest` and `ResetResponse`."""
    if stem.endswith("Response"):
        return stem.removesuffix("Response"), "response"
    return (stem if version is Version.V16 else stem.removesuffix("Request")), "request"
