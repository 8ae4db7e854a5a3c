"""Pins without a chip: what is told of each fault, and what is asked of the library where it is installed."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from sitectl.model.signals import Bias, GpioInput
from sitectl.signals.inputs import GpioContact, unreadable

PIN = GpioInput("gpiochip9", 17)


async def test_without_the_library_a_pin_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)
    assert await GpioContact(PIN).read() == "the package gpiod is not installed: pip install 'sitectl[gpio]'"


async def test_the_first_edition_of_the_library_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", ModuleType("gpiod"))
    assert "older than 2.0" in str(await GpioContact(PIN).read())


@pytest.mark.skipif(Path("/dev/gpiochip9").exists(), reason="this machine has nine chips")
@pytest.mark.parametrize("bias", Bias)
async def test_a_pin_of_a_chip_that_is_not_there_says_so(bias: Bias) -> None:
    pytest.importorskip("gpiod", reason="the extra gpio is not installed")
    contact = GpioContact(GpioInput("gpiochip9", 17, bias))
    assert "there is no /dev/gpiochip9" in str(await contact.read())
    contact.close()


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (FileNotFoundError(), "gpiodetect"),
        (PermissionError(), "group that owns it"),
        (ValueError("no such line"), "gpioinfo"),
        (OSError(16, "Device or resource busy"), "busy"),
    ],
)
def test_a_pin_that_cannot_be_read_says_what_to_do(error: Exception, cure: str) -> None:
    assert cure in unreadable(PIN, error)
