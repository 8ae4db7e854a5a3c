"""The commands."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sitectl.cli import (
    adopting,
    backups,
    departures,
    doctor,
    editing,
    energy,
    inventory,
    ledger,
    looks,
    practice,
    quirks,
    station_orders,
    top,
    trials,
)
from sitectl.cli.alerts import alerts_app
from sitectl.cli.asking import (
    DEFAULT_CONFIG,
    USAGE,
    AsJson,
    Config,
    Socket,
    client_of,
)
from sitectl.cli.ceilings import circuit_app
from sitectl.cli.client import DaemonAway, NotAllowed, Refused
from sitectl.cli.commission import commission_app
from sitectl.cli.drills import drill_app
from sitectl.cli.examples import with_examples
from sitectl.cli.export import export_app
from sitectl.cli.heal import heal_app
from sitectl.cli.launch import begin
from sitectl.cli.meters import meter_app
from sitectl.cli.passwords import station_password
from sitectl.cli.run import EXAMPLES as RUN_EXAMPLES
from sitectl.cli.run import run
from sitectl.cli.stations import station_app
from sitectl.cli.uplinks import uplink_app

CHECK_EXAMPLES = """\b
  sitectl check site.yaml              errors and warnings, then what binds the fallbacks and how large they could be
  sitectl check site.yaml --json       the same for programs; exit status 2 where the configuration is refused
"""

INIT_EXAMPLES = """\b
  sitectl init                       asks, and writes /etc/sitectl/site.yaml
  sitectl init depot/site.yaml       another file; what is named in it lies beside it
"""

app = looks.app
config_app = typer.Typer(help="Show the configuration and its schema, or change a value.", no_args_is_help=True)
app.add_typer(config_app, name="config")
config_app.command("set", epilog=editing.EXAMPLES)(editing.config_set)


def main() -> None:
    """All commands, whatever the first word is."""
    begin(app)


app.command(epilog=RUN_EXAMPLES)(run)


@app.command()
def demo(
    stations: Annotated[int, typer.Option(help="How many charging stations.")] = 6,
    seconds: Annotated[float, typer.Option(help="How long.")] = 60.0,
    scenario: Annotated[str, typer.Option(help="Which story.")] = "default",
    as_json: AsJson = False,
) -> None:
    """Run a whole site on this machine: simulated stations, cars, meter and central system around the real daemon."""
    from sitectl.simulator.demo import run_demo

    raise typer.Exit(run_demo(stations, seconds, scenario, as_json, sys.stdout))


app.command(epilog=practice.EXAMPLES)(practice.practice)


@app.command(epilog=CHECK_EXAMPLES)
def check(
    file: Annotated[Path | None, typer.Argument(help="The configuration file.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Check a configuration: all errors at once, with place and cure; and what every EVSE falls back to without us."""
    from sitectl.config.load import Broken, load
    from sitectl.config.report import check_command, fallbacks_json

    if not as_json:
        raise typer.Exit(check_command(file or config, sys.stdout, sys.stderr))
    outcome = load(file or config)
    errors = outcome.errors if isinstance(outcome, Broken) else ()
    found = {"errors": errors, "warnings": outcome.warnings}
    issues = {kind: [dataclasses.asdict(issue) for issue in all_of] for kind, all_of in found.items()}
    fallbacks = None if isinstance(outcome, Broken) else fallbacks_json(outcome.fallbacks)
    print(json.dumps({"schema": 1, "ok": not errors, **issues, "fallbacks": fallbacks}, indent=1))
    raise typer.Exit(USAGE if errors else 0)


@app.command(epilog=INIT_EXAMPLES)
def init(
    file: Annotated[Path | None, typer.Argument(help="The file to write; default: --config.")] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Ask about a new site and write its configuration. Stops and goes on at any question; writes over nothing."""
    from sitectl.cli.init import begin_site  # brings the whole configuration room

    begin_site((file or config).absolute())


@config_app.command("show")
def config_show(
    effective: Annotated[bool, typer.Option("--effective", help="With all defaults and learned values.")] = False,
    origin: Annotated[bool, typer.Option("--origin", help="With the place that each value comes from.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Show the whole configuration. Asks the daemon; without one, the files' part is shown and said to be that."""
    from sitectl.config.show import show_command

    running: dict[str, Any] | None = None
    if effective:
        try:
            running = client_of(config, socket).get("config")
        except (DaemonAway, NotAllowed, Refused) as error:
            print(f"sitectl: {error}; showing the files' part", file=sys.stderr)
    raise typer.Exit(
        show_command(
            config, effective=effective, origin=origin, as_json=as_json, running=running, out=sys.stdout, err=sys.stderr
        )
    )


@config_app.command("schema")
def config_schema(as_json: AsJson = True) -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    from sitectl.config.show import json_schema

    print(json.dumps(json_schema(), indent=1))


app.command()(ledger.transactions)
app.add_typer(ledger.transaction_app, name="transaction")
app.add_typer(meter_app, name="meter")
app.add_typer(alerts_app, name="alerts")
station_app.command("departure", epilog=departures.EXAMPLES)(departures.station_departure)
app.add_typer(station_app, name="station")
station_app.command("reset")(station_orders.station_reset)
station_app.command("unlock")(station_orders.station_unlock)
station_app.command("config", epilog=station_orders.CONFIG_EXAMPLES)(station_orders.station_config)
station_app.command("quirks")(quirks.station_quirks)
station_app.command("probe")(trials.probe)
station_app.command("limit-test")(trials.limit_test)
station_app.command("phase-test")(trials.phase_test)
station_app.command("adopt", epilog=adopting.ADOPT_EXAMPLES)(adopting.adopt)
station_app.command("forget")(adopting.forget)
station_app.command("password")(station_password)
app.add_typer(circuit_app, name="circuit")
app.add_typer(commission_app, name="commission")
app.command(epilog=energy.EXAMPLES)(energy.energy)
app.add_typer(export_app, name="export")
app.add_typer(drill_app, name="drill")
app.add_typer(heal_app, name="heal")
app.command("top", epilog=top.EXAMPLES)(top.top)
app.command("doctor", epilog=doctor.EXAMPLES)(doctor.doctor)
app.command("inventory", epilog=inventory.EXAMPLES)(inventory.inventory)
app.command("backup", epilog=backups.BACKUP_EXAMPLES)(backups.backup)
app.command("restore", epilog=backups.RESTORE_EXAMPLES)(backups.restore)
app.add_typer(uplink_app, name="uplink")
app.command()(ledger.events)
app.command()(ledger.timeline)
with_examples(app)
