"""Files of recorded frames: what was written is read again, torn and broken ends do no harm, secrets never get in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sitectl.model.ids import StationId
from sitectl.store.moments import to_us
from sitectl.store.recordings import HOUR_US, Heard, Recorded, Writer, read, segments
from tests.unit.store.builders import NOON

CP1, CP10 = StationId("CP1"), StationId("CP10")
EVER = 2**62
NOON_US = to_us(NOON)


def heard(n: int, station: StationId = CP1, text: str | bytes | None = None, uplink: str | None = None) -> Heard:
    return Heard(NOON_US + n, station, uplink, n % 2 == 1, f'[2,"{n}","Heartbeat",{{}}]' if text is None else text)


def all_of(directory: Path, station: StationId = CP1, until_us: int = EVER) -> list[Recorded]:
    return [frame for segment in segments(directory) for frame in read(segment, station, until_us)]


@pytest.fixture
def opened() -> Iterator[list[Writer]]:
    writers: list[Writer] = []
    yield writers
    for writer in writers:
        writer.close()


@pytest.fixture
def writer(directory: Path, opened: list[Writer]) -> Writer:
    opened.append(Writer(directory, "1"))
    return opened[-1]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "recordings"


def test_frames_come_back_by_station_and_in_order(directory: Path, writer: Writer) -> None:
    for batch in range(5):
        frames = [heard(10 * batch + n, station) for n in range(3) for station in (CP1, CP10)]
        assert writer.write(frames, NOON_US) > 0
    found = all_of(directory)
    assert [frame.time_us - NOON_US for frame in found] == [10 * batch + n for batch in range(5) for n in range(3)]
    assert found[1] == Recorded(NOON_US + 1, None, True, '[2,"1","Heartbeat",{}]')
    assert len(all_of(directory, CP10)) == 15
    assert all_of(directory, StationId("CP")) == all_of(directory, StationId("1")) == []


def test_a_file_holds_an_hour_and_a_restart_begins_another(directory: Path, opened: list[Writer]) -> None:
    writer, later = opened[:] = [Writer(directory, "9"), Writer(directory, "10")]
    writer.write([heard(1)], NOON_US + HOUR_US - 1)
    writer.write([heard(2)], NOON_US + HOUR_US)
    later.write([heard(3)], NOON_US + HOUR_US)
    assert [segment.path.name for segment in segments(directory)] == [
        "20261120T12-9-0.wire", "20261120T13-9-0.wire", "20261120T13-10-0.wire",
    ]  # fmt: skip
    assert [segment.hour_us for segment in segments(directory)] == [NOON_US, NOON_US + HOUR_US, NOON_US + HOUR_US]
    assert [frame.time_us - NOON_US for frame in all_of(directory)] == [1, 2, 3]


def test_strangers_on_the_machine_cannot_read_it(directory: Path, writer: Writer) -> None:
    writer.write([heard(1)], NOON_US)
    (file,) = directory.iterdir()
    assert directory.stat().st_mode & 0o007 == file.stat().st_mode & 0o007 == 0


def test_other_files_are_left_alone(directory: Path) -> None:
    directory.mkdir()
    for name in ("notes.wire", "20269999T12-1-0.wire", "20261120T12-1-0.txt"):
        (directory / name).write_text("mine")
    assert segments(directory) == []
    assert segments(directory / "nowhere") == []


@pytest.mark.parametrize("kept", [0.0, 0.2, 0.5, 0.9, 0.99])
def test_a_torn_end_costs_only_itself(directory: Path, writer: Writer, kept: float) -> None:
    for n in range(20):
        writer.write([heard(n)], NOON_US)
    (segment,) = segments(directory)
    whole = segment.path.read_bytes()
    segment.path.write_bytes(whole[: int(kept * len(whole))])
    found = all_of(directory)
    assert found == [Recorded(f.time_us, f.uplink, f.sent, str(f.data)) for f in map(heard, range(len(found)))]
    assert len(found) >= int(kept * 20) - 1


def test_bits_that_flip_lose_frames_and_nothing_else(directory: Path, writer: Writer) -> None:
    for n in range(20):
        writer.write([heard(n), heard(n, CP10)], NOON_US)
    (segment,) = segments(directory)
    whole = segment.path.read_bytes()
    for at in range(0, len(whole), 7):
        segment.path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        for station in (CP1, CP10):
            assert len(all_of(directory, station)) <= 20


def test_reading_stops_where_nothing_older_can_follow(directory: Path, writer: Writer) -> None:
    for n in range(10):
        writer.write([heard(n)], NOON_US)
    assert len(all_of(directory, until_us=NOON_US + 4)) == 4


def test_any_bytes_can_be_recorded(directory: Path, writer: Writer) -> None:
    odd: list[str | bytes] = [b"\xff\xfe", "a\nb\r\n", "", '"' * 100, "é" * 10]
    writer.write([heard(n, text=text) for n, text in enumerate(odd)], NOON_US)
    assert [frame.frame for frame in all_of(directory)] == ["\ufffd\ufffd", "a\nb\r\n", "", '"' * 100, "é" * 10]


@pytest.mark.parametrize(
    "frame",
    [
        '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"GEHEIM"}]',
        '[3,"1",{"configurationKey":[{"value":"GEHEIM","key":"authorizationkey","readonly":false}]}]',
        '[2,"1","UpdateFirmware",{"location":"ftp://user:GEHEIM@host/file"}]',
        '[2,"1","GetDiagnostics",{"location":"ftp:\\/\\/user:GEHEIM@host\\/file"}]',
        '[2,"1","GetLog",{"log":{"remoteLocation":"https://host/upload?X-Amz-Signature=GEHEIM"}}]',
        '[2,"1","DataTransfer",{"vendorId":"x","data":"Password=GEHEIM"}]',
        b'[2,"1","DataTransfer",{"data":"-----BEGIN EC PRIVATE KEY-----GEHEIM-----END"}]',
    ],
)
def test_secrets_never_get_into_a_file(directory: Path, writer: Writer, frame: str | bytes) -> None:
    writer.write([heard(1, text=frame)], NOON_US)
    (found,) = all_of(directory)
    assert "GEHEIM" not in found.frame
    assert "***" in found.frame


def test_repeating_frames_take_little_room(writer: Writer) -> None:
    size = 0
    value = '{"value":"%d","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh"}'
    for n in range(100):
        text = f'[2,"{n}","MeterValues",{{"connectorId":1,"meterValue":[{",".join([value % n] * 5)}]}}]'
        size += writer.write([heard(n, text=text)], NOON_US)
    assert size / 100 < 0.25 * len(text)


class HalfFull:
    """A file on a disk that takes half of what it is given."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return int(self._file.write(data[: len(data) // 2]))

    def close(self) -> None:
        self._file.close()


def test_after_a_failed_write_another_file_begins(directory: Path, writer: Writer) -> None:
    writer.write([heard(1)], NOON_US)
    writer._file = HalfFull(writer._file)  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space left"):
        writer.write([heard(2)], NOON_US)
    writer.write([heard(3)], NOON_US)
    assert [frame.time_us - NOON_US for frame in all_of(directory)] == [1, 3]
    assert len(segments(directory)) == 2
