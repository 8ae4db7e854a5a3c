"""A site on real sockets, from its first look to a signed record that anybody can check."""

import json
from pathlib import Path

from tests.e2e.rig import daemon, meter, metered, site, sitectl
from tests.e2e.station import charger


async def test_from_the_first_look_to_the_record(tmp_path: Path) -> None:
    async with meter() as device:
        one = {"CP01": {"circuit": "grid", "max_a": 32, "phases": "L1L2L3", "profile_storage": "ram"}}
        config = site(tmp_path, **(metered(device) | {"stations": one}))
        async with daemon(config) as running, charger(running.port, "CP01"):

            async def run(*words: object) -> tuple[int, str]:
                ended = await sitectl(*words, "--socket", running.socket, "--config", config)
                return ended.status, ended.out + ended.err

            status, told = await run("commission", "--json")
            lights = {step["key"]: step["light"] for step in json.loads(told)["steps"]}
            assert (status, lights["stations"], lights["meters"], lights["probe"]) == (1, "green", "open", "open")
            await run("meter", "test", "main", "--seconds", "2")
            status, told = await run("commission", "confirm", "phases", "--note", "no car here today")
            assert status == 0, told
            status, told = await run("commission", "confirm", "tree", "--note", "as it is")
            assert (status, "needs no confirmation" in told) == (1, True)
            status, told = await run("commission")
            assert "no car here today" in told
            assert "Next, " in told

            page, record = tmp_path / "record.html", tmp_path / "record.json"
            assert (await run("commission", "record", "--out", page))[0] == 0
            assert (await run("commission", "record", "--out", record))[0] == 0
            for file in (page, record):
                status, told = await _verified(file)
                assert (status, "as it was signed" in told) == (0, True), told
            document = json.loads(record.read_text())
            assert {step["key"]: step["light"] for step in document["steps"]}["meters"] in ("green", "red")
            assert document["stations"]["CP01"]["vendor"] == "Acme"
            record.write_text(json.dumps(document | {"site": "elsewhere"}))
            status, told = await _verified(record)
            assert (status, "changed after it was signed" in told) == (1, True)


async def _verified(file: Path) -> tuple[int, str]:
    ended = await sitectl("commission", "verify", file)
    return ended.status, ended.out + ended.err
