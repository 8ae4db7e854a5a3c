"""How long each step of a file transfer may take; as plain values."""

from datetime import UTC, datetime, timedelta

import pytest

from sitectl.model.files import FileKind, FileOrder, Transfer
from sitectl.routing import transfers

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOG = FileOrder(FileKind.DIAGNOSTICS, {"location": "ftp://h/"})
FIRMWARE = FileOrder(FileKind.FIRMWARE, {"location": "ftp://h/f"}, NOON + timedelta(hours=2))


def after(**span: float) -> datetime:
    return NOON + timedelta(**span)


def through(order: FileOrder, *words: str) -> Transfer:
    """A transfer after these words of the station, a minute apart."""
    transfer = transfers.begun(order, NOON, online=True)
    for n, word in enumerate(words):
        changed = transfers.heard(transfer, word, after(minutes=n + 1))
        assert changed is not None, word
        transfer = changed
    return transfer


def test_an_order_counts_from_the_time_that_it_names():
    assert transfers.begun(LOG, NOON, online=True).due == after(seconds=300)
    assert transfers.begun(FIRMWARE, NOON, online=True).due == after(hours=2, seconds=900)
    long_ago = FileOrder(FileKind.FIRMWARE, {}, after(days=-3))
    assert transfers.begun(long_ago, NOON, online=True).due == after(seconds=900)


def test_an_update_may_wait_a_day_for_a_station_that_is_away_and_then_counts_anew():
    waiting = transfers.begun(FIRMWARE, NOON, online=False)
    assert (waiting.sent, waiting.due) == (False, after(days=1, hours=2))
    told = transfers.told(waiting, after(hours=5))
    assert (told.sent, told.due) == (True, after(hours=5, seconds=900))


def test_retries_make_it_longer_within_a_day():
    patient = FileOrder(FileKind.DIAGNOSTICS, {}, None, 600.0)
    assert transfers.begun(patient, NOON, online=True).due == after(seconds=900)
    assert transfers.begun(FileOrder(FileKind.DIAGNOSTICS, {}, None, 1e9), NOON, online=True).due < after(days=1.01)


def test_each_word_gives_time_for_the_next():
    assert through(LOG, "Uploading").due == after(minutes=1, hours=1)
    assert through(FIRMWARE, "Downloading", "Downloaded").due == after(minutes=2, days=1)
    assert through(FIRMWARE, "Downloading", "Downloaded", "Installing").due == after(minutes=3, hours=1)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (LOG, ["Uploading", "Uploaded"]),
        (LOG, ["UploadFailed"]),
        (FIRMWARE, ["DownloadFailed"]),
        (FIRMWARE, ["Downloading", "Downloaded", "Installing", "Installed"]),
        (FIRMWARE, ["Downloading", "Downloaded", "Installing", "InstallationFailed"]),
    ],
)
def test_the_last_word_ends_it(order, words):
    assert not any(through(order, *words[:n]).over for n in range(len(words)))
    assert through(order, *words).over


def test_what_is_no_news():
    uploading = through(LOG, "Uploading")
    for word in ("", "Idle", "Uploading"):
        assert transfers.heard(uploading, word, after(minutes=2)) is None
    assert transfers.heard(transfers.begun(FIRMWARE, NOON, online=False), "Downloading", NOON) is None


def test_a_word_after_the_end_is_still_of_this_order_for_a_day():
    failed = transfers.failed(through(LOG, "Uploading"), after(hours=2))
    late = transfers.heard(failed, "Uploaded", after(hours=25))
    assert late is not None
    assert late.status == "Uploaded"
    assert transfers.heard(failed, "Uploaded", after(hours=27)) is None


@pytest.mark.parametrize(
    ("order", "words", "status"),
    [
        (LOG, [], "UploadFailed"),
        (LOG, ["Uploading"], "UploadFailed"),
        (FIRMWARE, [], "DownloadFailed"),
        (FIRMWARE, ["Downloading"], "DownloadFailed"),
        (FIRMWARE, ["Downloaded"], "InstallationFailed"),
        (FIRMWARE, ["Installing"], "InstallationFailed"),
    ],
)
def test_silence_ends_as_a_failure_of_the_step_that_it_was_in(order, words, status):
    failed = transfers.failed(through(order, *words), after(days=2))
    assert (failed.status, failed.over) == (status, True)


def test_the_last_word_is_what_a_trigger_tells():
    assert transfers.last_known(None, NOON) == "Idle"
    assert transfers.last_known(transfers.begun(LOG, NOON, online=True), NOON) == "Idle"
    done = through(LOG, "Uploaded")
    assert transfers.last_known(done, after(hours=23)) == "Uploaded"
    assert transfers.last_known(done, after(hours=25)) == "Idle"
    assert transfers.last_known(through(FIRMWARE, "Installed"), after(days=300)) == "Installed"
