"""What the daemon loads before it knows its site: a thousand stations with their uplinks fit into 160 MB."""

import subprocess
import sys

ON_DEMAND = {
    "aiomqtt": "mqtt",
    "cryptography": "a certificate that is dealt with",
    "paho": "mqtt",
    "pymodbus": "a meter or an input behind Modbus TCP",
    "rich": "tables of other commands",
    "sitectl.cli.main": "other commands",
    "sitectl.simulator": "the demo",
    "smtplib": "alerts by mail",
    "textual": "sitectl top",
}
"""Libraries and rooms, and what has to be there for one to be loaded: imported inside the function that begins it."""


def test_the_daemon_loads_what_a_plain_site_needs_and_no_more() -> None:
    loads = "import sys, sitectl.cli.run, sitectl.daemon.process; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "sitectl.daemon.process" in loaded
    early = {name: why for name, why in ON_DEMAND.items() if name in loaded}
    assert not early, f"imported at the start, and needed only for: {early}"
