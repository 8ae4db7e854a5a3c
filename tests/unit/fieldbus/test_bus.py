import pytest

from sitectl.fieldbus.bus import Fault, ReadFailed, refusal


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (1, Fault.SHEET),
        (2, Fault.SHEET),
        (3, Fault.SHEET),
        (4, Fault.DEVICE),
        (5, Fault.BUSY),
        (6, Fault.BUSY),
        (8, Fault.DEVICE),
        (10, Fault.GATEWAY),
        (11, Fault.GATEWAY),
        (255, Fault.DEVICE),
    ],
)
def test_exceptions_are_told_apart_by_what_to_do_about_them(code: int, fault: Fault) -> None:
    refused = refusal(code, "unit 7, registers 0 to 17")
    assert refused.fault is fault
    assert refused.why.startswith(f"unit 7, registers 0 to 17 answered with exception {code} (")
    assert refused.answered


@pytest.mark.parametrize("fault", [Fault.UNREACHABLE, Fault.SILENT, Fault.MALFORMED])
def test_without_a_sound_answer_the_line_is_suspect(fault: Fault) -> None:
    assert not ReadFailed(fault, "").answered
