"""What the meters room needs from others, by shape."""

from __future__ import annotations

from typing import Protocol

from sitectl.model.events import Event


class SiteInbox(Protocol):
    """The site's ear."""

    def post(self, event: Event) -> None:
        """Take one event (`MeterRead`, `MeterFailed`)."""
