import errno

import pytest

from sitectl.fieldbus.wires import unopened


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOENT, "plug the adapter in"),
        (errno.EACCES, "group that owns it (dialout)"),
        (errno.EPERM, "group that owns it (dialout)"),
        (errno.EBUSY, "in use by another program"),
        (errno.EAGAIN, "in use by another program"),
        (errno.ENOTTY, "is no serial port"),
        (errno.EIO, "cannot be opened"),
    ],
)
def test_a_port_that_cannot_be_opened_says_what_to_do(number: int, cure: str) -> None:
    why = unopened("/dev/ttyUSB0", OSError(number, "..."))
    assert "/dev/ttyUSB0" in why
    assert cure in why
