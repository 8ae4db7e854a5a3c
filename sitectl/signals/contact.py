"""A contact by what was read of it: debounced, and lost when nothing sure was read for a while; pure."""

from __future__ import annotations

from sitectl.model.signals import Contact

LOST_S = 10.0
"""A contact that was not read for so long is lost, as a meter is. One reading that fails is no loss. So is one that has
not stood still for so long beside the time that a change must last: a loose wire says nothing."""


class Debounced:
    """Follows one contact from the moment `now` on."""

    def __init__(self, debounce_s: float, now: float) -> None:
        self._debounce_s = debounce_s
        self._read_at = now
        self._sure_at = now
        self._seen: Contact | None = None
        self._seen_since = now
        self.contact: Contact | None = None
        """What counts; None before anything was known for long enough."""

    def read(self, closed: bool, now: float) -> None:
        """A reading. A change counts when it has lasted, after a loss as well."""
        seen = Contact.CLOSED if closed else Contact.OPEN
        if seen is not self._seen:
            self._seen, self._seen_since = seen, now
        self._read_at = now
        if now - self._seen_since >= self._debounce_s:
            self.contact, self._sure_at = seen, now
        elif self.chatters(now):
            self.contact = Contact.LOST

    def chatters(self, now: float) -> bool:
        """Whether it is read, and has not stood still for long enough to say how it stands."""
        return now - self._sure_at >= LOST_S + self._debounce_s

    def missed(self, now: float) -> None:
        """A reading that failed."""
        if now - self._read_at >= LOST_S:
            self.contact = Contact.LOST
            self._seen, self._sure_at = None, now
