"""Messages for centrals that the configuration no longer names: nobody sends them until one of that name is back."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from sitectl.model.health import Finding
from sitectl.model.ids import UplinkId


def findings(messages: Mapping[UplinkId, int], configured: Container[UplinkId]) -> Iterator[Finding]:
    """What is wrong: what, where, what to do. `messages`: how many wait for each central, of any configuration."""
    for uplink, count in messages.items():
        if count and uplink not in configured:
            yield (
                f"Messages wait for an uplink that is not in the configuration: {count}",
                uplink,
                f"Put uplinks.{uplink} back until they are gone, or name it so again if it was only renamed; they are "
                "kept meanwhile.",
            )
