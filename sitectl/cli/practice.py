"""`sitectl practice`: a site's stations, cars, meter and central on this machine, around the service that runs."""

from __future__ import annotations

from typing import Annotated

import typer

from sitectl.cli.asking import DEFAULT_CONFIG, FAILED, USAGE, Config, fail

EXAMPLES = """\b
  sitectl practice                          plays the site of the service
  sitectl practice --strangers 3            with three that no file lists
  sitectl practice --at CP01 --at CP02      a car at these two alone
  sitectl practice --car-phases 3           with cars that show no wiring, but all phases
  sitectl practice --config my/site.yaml    that of `sitectl run --config …`
"""
MOST_STRANGERS = 20


def practice(
    config: Config = DEFAULT_CONFIG,
    strangers: Annotated[
        int, typer.Option(min=0, max=MOST_STRANGERS, help="How many stations more knock that no file lists.")
    ] = 1,
    at: Annotated[
        list[str] | None,
        typer.Option("--at", help="A car only at this station; may be repeated."),
    ] = None,
    car_phases: Annotated[
        int, typer.Option("--car-phases", min=1, max=3, help="On how many phases every car charges.")
    ] = 1,
    seconds: Annotated[float | None, typer.Option("--seconds", help="How long; else until Ctrl-C.")] = None,
) -> None:
    """Play a site's stations, cars, meter and central on this machine, to practise with the service that runs."""
    from sitectl.cli import practising  # only here: no other command should wait for the simulator
    from sitectl.config.load import Broken, load
    from sitectl.simulator.practice import practise

    loaded = load(config)
    if isinstance(loaded, Broken):
        raise fail(f"{loaded.errors[0]}; `sitectl check {config}` names every place", USAGE)
    try:
        cast = practising.cast_of(loaded, strangers, tuple(at or ()), car_phases)
    except practising.NotPlayable as error:
        raise fail(str(error), USAGE) from None
    practising.introduce(cast, config)
    try:
        practise(cast.play, practising.memory_of(config), lambda text: print(text, flush=True), seconds)
    except OSError as error:
        raise fail(f"nothing can listen there: {error.strerror}; is another practice running?", FAILED) from error
