"""Every exception sitectl raises on purpose; the first split is whose fault it is.

    SitectlError
    ├── PeerError            a station, a meter or a central system broke its protocol or refused
    ├── ConfigurationError   what the operator wrote cannot be used; only an edit cures it
    ├── EnvironmentFault     the machine: disk full, address in use, device missing, no permission
    └── InternalError        ours: an invariant of sitectl does not hold

Expected outcomes (limit refused, uplink away) are no exceptions but return values. Rooms derive their own errors from
one of the four and say there whether trying again is sane.
"""

from __future__ import annotations


class SitectlError(Exception):
    """Root of the tree. `retry_is_sane`: the same attempt, made later and unchanged, may well succeed."""

    retry_is_sane: bool = False


class PeerError(SitectlError):
    """The other side of a wire is at fault."""

    retry_is_sane = True


class ConfigurationError(SitectlError):
    """The operator's files are at fault."""


class EnvironmentFault(SitectlError):
    """The machine underneath is at fault. (Not named after the built-in alias of OSError, which it would shadow.)"""

    retry_is_sane = True


class InternalError(SitectlError):
    """sitectl itself is at fault: a bug, never an expected outcome."""
