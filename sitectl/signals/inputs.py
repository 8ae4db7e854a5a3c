"""Contacts that can be read: an input of an I/O box on a field bus, a pin of this gateway."""

from __future__ import annotations

from typing import Any, Protocol

from sitectl.fieldbus.bus import Bus, Registers
from sitectl.model.signals import Bias, GpioInput

CONSUMER = "sitectl"
NO_GPIOD = "the package gpiod is not installed: pip install 'sitectl[gpio]'"
OLD_GPIOD = "the package gpiod is older than 2.0: pip install --upgrade 'sitectl[gpio]'"


class ContactReader(Protocol):
    """One contact."""

    async def read(self) -> bool | str:
        """Whether it is closed, or why nobody can say. Never raises."""

    def close(self) -> None:
        """Let go of it."""


class ModbusContact:
    """An input of an I/O box; 1 is a closed contact. `function`: whether it is a discrete input or a coil there."""

    def __init__(self, bus: Bus, unit: int, function: int, number: int) -> None:
        self._bus = bus
        self._unit = unit
        self._function = function
        self._number = number

    async def read(self) -> bool | str:
        outcome = await self._bus.read(self._unit, self._function, self._number, 1)
        return outcome.words[0] == 1 if isinstance(outcome, Registers) else outcome.why

    def close(self) -> None:
        """The bus belongs to others, too."""


class GpioContact:
    """A pin, by the kernel's character device."""

    def __init__(self, pin: GpioInput) -> None:
        self._pin = pin
        self._request: Any = None

    async def read(self) -> bool | str:
        try:
            if self._request is None:
                self._request = _requested(self._pin)
            import gpiod

            return bool(self._request.get_value(self._pin.line) == gpiod.line.Value.ACTIVE)
        except ImportError:
            return NO_GPIOD
        except AttributeError:  # its first edition had other names
            return OLD_GPIOD
        except (OSError, ValueError) as error:  # no such chip or line, in use, not permitted, unplugged
            self.close()
            return unreadable(self._pin, error)

    def close(self) -> None:
        if self._request is not None:
            request, self._request = self._request, None
            request.release()


def _requested(pin: GpioInput) -> Any:
    """The pin, as an input for us alone; active is a closed contact."""
    import gpiod

    bias = {
        Bias.PULL_UP: gpiod.line.Bias.PULL_UP,
        Bias.PULL_DOWN: gpiod.line.Bias.PULL_DOWN,
        Bias.NONE: gpiod.line.Bias.DISABLED,
    }[pin.bias]
    settings = gpiod.LineSettings(direction=gpiod.line.Direction.INPUT, bias=bias, active_low=pin.bias is Bias.PULL_UP)
    return gpiod.request_lines(f"/dev/{pin.chip}", consumer=CONSUMER, config={pin.line: settings})


def unreadable(pin: GpioInput, error: Exception) -> str:
    """Why a pin cannot be read, with the cure."""
    match error:
        case FileNotFoundError():
            return f"there is no /dev/{pin.chip}: `gpiodetect` lists the chips of this gateway"
        case PermissionError():
            return f"no permission for /dev/{pin.chip}: put the daemon's user into the group that owns it (gpio)"
        case ValueError():
            return f"{pin} is no line of that chip: `gpioinfo` lists them"
    return f"{pin} cannot be read: {error}"
