"""A terminal of its own for a command, to see what it writes there."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping


def on_a_terminal(command: list[str], environment: Mapping[str, str], size: tuple[int, int] | None = None) -> str:
    """All that a command writes to a terminal, as it came. `size`: columns and rows. Its end is waited for, and must
    be a good one."""
    parent, child = pty.openpty()
    if size is not None:
        columns, rows = size
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        command, stdin=child, stdout=child, stderr=child, env=environment, start_new_session=True
    )
    os.close(child)
    shown = b""
    try:
        while chunk := os.read(parent, 65536):
            shown += chunk
    except OSError:
        pass  # the terminal is gone with its last program
    finally:
        os.close(parent)
    assert process.wait(60) == 0, shown
    return shown.decode()
