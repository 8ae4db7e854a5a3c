"""What is given up in which order while a disk fills, on a real one: the journal, the reserve, then transactions."""

from tests.unit.store.small_disk import run_on_a_small_disk, run_with_a_size_limit

STORE = """
from datetime import UTC, datetime
from random import Random
from sitectl.base.clock import SystemClock
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.store import care
from sitectl.store.errors import StoreUnavailable
from sitectl.store.opening import open_store
from tests.unit.store.builders import Says, compose_stop

care.LOOK_S = care.RETRY_S = care.LATE_RETRY_S = 0.05
filler = here / "filler"

def fill(leave):
    with filler.open("ab") as file:
        file.write(bytes(max(0, disk.space(here).free - leave)))

async def started():
    return await open_store(path, SystemClock(), Random(1), compose_stop, on_state=lambda *told: states.append(told))

async def until(condition, what):
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what}: {store.health()}")

states = []
"""


def on_a_small_disk(megabytes: int, body: str) -> None:
    script = (
        STORE + "\nasync def main():\n    global store, path\n    store = await started()\n    says = Says(store)\n"
    )
    indented = "".join(f"    {line}\n" if line.strip() else "\n" for line in body.splitlines())
    run_on_a_small_disk(megabytes, script + indented + "    await store.close()\n\nasyncio.run(main())\n")


def test_the_journal_gives_way_first_then_the_reserve_then_transactions() -> None:
    on_a_small_disk(
        40,
        """
assert store.health().state is StoreState.OK and store.health().disk.reserve
fill(12 * 2**20)
await until(lambda: store.health().state is StoreState.TIGHT, "little room")
store.tokens.put(UplinkId("central"), "TAG", IdTokenInfo(AuthorizationStatus.ACCEPTED))
store.journal.record("station.booted")
await asyncio.sleep(0.2)
assert store.health().left_out == 1
assert [event.type for event in await store.queries.events()] == ["store.tight"]

fill(0)
taken = []
while store.health().state is not StoreState.FULL:
    assert (here / "ledger.db.ballast").exists() or store.health().state is StoreState.RESERVE
    try:
        taken.append((await says.start(evse=len(taken) + 1, raw=bytes(20000))).station_transaction_id)
    except StoreUnavailable as error:
        assert "full" in str(error)
    assert len(taken) < 2000
assert len(taken) > 150, len(taken)  # 8 MB of starts with frames of 20 kB, each written twice
assert states[-1][0] is False
assert (await store.queries.totals()).open == len(taken)
try:
    await says.start(evse=5000)
    raise AssertionError("taken, and yet full")
except StoreUnavailable:
    pass

filler.unlink()
await until(lambda: store.health().state is StoreState.OK, "room again")
assert states[-1][0] is True
assert (here / "ledger.db.ballast").stat().st_blocks * 512 >= 8 * 2**20
assert (await says.start(evse=5000)).station_transaction_id not in taken
assert (await store.queries.totals()).open == len(taken) + 1
await store.journal.drain()
types = [event.type for event in await store.queries.events()]
wanted = ["store.tight", "store.reserve", "store.full", "store.ok", "station.booted"]
assert [one for one in wanted if one in types] == wanted, types
""",
    )


def test_a_disk_that_was_too_small_from_the_start_has_no_reserve_and_no_journal() -> None:
    on_a_small_disk(
        20,
        """
assert store.health().state is StoreState.RESERVE and not store.health().disk.reserve
assert (await says.start()).station_transaction_id > 0
store.journal.record("station.booted")
await store.journal.drain()
assert [event.type for event in await store.queries.events()] == ["store.reserve"]
""",
    )


def test_a_store_that_opens_on_a_full_disk_lives_on_its_reserve() -> None:
    on_a_small_disk(
        40,
        """
await says.start()
await store.close()
fill(0)
assert disk.space(here).free < 2048
store = await started()
says.store = store
assert store.health().state is StoreState.RESERVE
assert (await store.queries.totals()).open == 1
await says.start(evse=2)
filler.unlink()
await until(lambda: store.health().state is StoreState.OK, "room again")
""",
    )


def test_files_that_may_not_grow_are_a_full_disk_and_nothing_taken_is_lost() -> None:
    run_with_a_size_limit(
        12,
        STORE
        + """
async def main():
    global store
    store = await started()
    says = Says(store)
    taken = []
    try:
        while len(taken) < 4000:
            taken.append((await says.start(evse=len(taken) + 1, raw=bytes(20000))).station_transaction_id)
    except StoreUnavailable:
        assert store.health().state is StoreState.FULL, store.health()
    assert len(taken) > 100, len(taken)
    assert (await store.queries.totals()).open == len(taken)
    await store.close()

asyncio.run(main())
""",
    )


# --- a disk that takes nothing from the start -------------------------------------------------------------------------


def test_on_a_disk_that_is_full_to_the_brim_it_begins_by_reading_and_writes_when_it_can() -> None:
    on_a_small_disk(
        40,
        """
await says.start()
await store.virtual.set_variable("central", "CP1", "key", "value")
before = store.stamp
await store.close()
(here / "ledger.db.ballast").unlink()
fill(0)
states.clear()
store = await started()
says.store = store
assert store.health().state is StoreState.FULL, store.health()
assert states == [(False, store.health().why)]
assert (await store.queries.totals()).open == 1
assert store.virtual.variables("central", "CP1") == {"key": "value"}
try:
    await says.start(evse=2)
    raise AssertionError("taken, and yet full")
except StoreUnavailable:
    pass
filler.unlink()
await until(lambda: store.health().state is StoreState.OK, "room again")
assert states[-1] == (True, "")
assert (store.stamp.gateway_id, store.stamp.epoch) == (before.gateway_id, before.epoch + 1)
await says.start(evse=2)
assert (await store.queries.totals()).open == 2
rows = await says.rows("SELECT epoch FROM transactions ORDER BY epoch")
assert rows == [(before.epoch,), (before.epoch + 1,)]
""",
    )


READ_ONLY = """
import subprocess, time
def remount(how):
    for _ in range(100):  # a thread of a store that was closed may hold a file for a moment yet
        done = subprocess.run(["mount", "-o", f"remount,{how}", str(here)], capture_output=True, text=True)
        if done.returncode == 0:
            return
        time.sleep(0.05)
    raise AssertionError(done.stderr)
"""


def test_on_a_disk_that_is_read_only_it_begins_by_reading_and_writes_when_it_can() -> None:
    on_a_small_disk(
        40,
        READ_ONLY
        + """
for round in range(2):
    await says.start(evse=round + 1)
    await store.close()
    remount("ro")
    store = await started()
    says.store = store
    assert store.health().state is StoreState.READ_ONLY, store.health()
    assert (await store.queries.totals()).open == round + 1
    assert await store.limits.load() == []
    remount("rw")
    await until(lambda: store.health().state is StoreState.OK, "written again")
assert store.stamp.epoch == 3
await says.start(evse=7)
assert (await store.queries.totals()).open == 3
""",
    )


def test_what_a_kill_left_is_read_from_a_read_only_disk_log_and_all() -> None:
    on_a_small_disk(
        40,
        READ_ONLY
        + """
await says.start()
killed = here / "killed"
killed.mkdir()
for suffix in ("", "-wal", "-shm", ".lock", ".identity", ".outline"):
    (killed / f"ledger.db{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
await store.close()
remount("ro")
path = killed / "ledger.db"
store = await started()
assert store.health().state is StoreState.READ_ONLY, store.health()
assert (await store.queries.totals()).open == 1
""",
    )


def test_an_empty_disk_that_takes_nothing_is_refused() -> None:
    on_a_small_disk(
        40,
        READ_ONLY
        + """
await store.close()
for file in here.iterdir():
    file.unlink()
remount("ro")
try:
    await started()
    raise AssertionError("what did it begin with?")
except StoreUnavailable as error:
    assert "Read-only file system" in str(error), error
remount("rw")
store = await started()
""",
    )
