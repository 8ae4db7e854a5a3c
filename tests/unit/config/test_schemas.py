"""The schema files of the standard are found, are complete, and work with the validator."""

import subprocess
import sys

import pytest

from sitectl.config.schemas import load_schemas
from sitectl.ocpp.schema import Validator
from sitectl.ocpp.versions import Version


@pytest.mark.parametrize(
    ("version", "count", "action"),
    [
        (Version.V16, 78, "Heartbeat"),
        (Version.V201, 128, "TransactionEvent"),
        (Version.V21, 181, "PullDynamicScheduleUpdate"),
    ],
)
def test_every_schema_compiles(version, count, action):
    schemas = load_schemas(version)
    assert len(schemas) == count
    assert (action, "request") in schemas
    assert (action, "response") in schemas
    validator = Validator(schemas)
    for name, direction in schemas:
        validator.deviations(name, direction, {})


def test_a_real_payload():
    validator = Validator(load_schemas(Version.V16))
    good = {"chargePointVendor": "V", "chargePointModel": "M"}
    assert validator.deviations("BootNotification", "request", good) == ()
    [bad] = validator.deviations(
        "BootNotification", "request", {"chargePointVendor": "V", "chargePointModel": "M" * 21}
    )
    assert (bad.path, bad.rule) == ("chargePointModel", "maxLength")


def test_the_package_is_not_imported():
    code = (
        "import sys; from sitectl.config.schemas import load_schemas; from sitectl.ocpp.versions import Version; "
        "load_schemas(Version.V16); sys.exit('ocpp' in sys.modules or 'asyncio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
