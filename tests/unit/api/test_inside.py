"""The interface asked from inside: the same checks and words as over the socket."""

from pathlib import Path

from sitectl.api.app import make_app
from sitectl.api.inside import Inside
from tests.unit.api.quiet_site import Ledger, Overview, QuietSite, behind


def inside(folder: Path) -> tuple[Inside, QuietSite]:
    quiet = QuietSite(folder)
    quiet.all_well()
    return Inside(make_app(behind(quiet, Ledger(), Overview(quiet))), "mqtt"), quiet


async def test_what_is_asked_is_answered_in_the_name_of_who_asked(tmp_path: Path) -> None:
    ask, quiet = inside(tmp_path)
    answered = await ask.ask("PUT", "circuits", "garage", "ceiling", body={"value": 20.0, "valid_s": 60.0})
    assert (answered.ok, answered.status, answered.json["source"]) == (True, 200, "mqtt")
    assert [ceiling.source for ceiling in quiet.site.state.ceilings.values()] == ["mqtt"]
    assert (await ask.ask("DELETE", "circuits", "garage", "ceiling")).json["cleared"]


async def test_what_is_refused_is_refused_in_the_same_words(tmp_path: Path) -> None:
    ask, quiet = inside(tmp_path)
    more = await ask.ask("PUT", "circuits", "garage", "ceiling", query={"strict": "true"}, body={"value": 41.0})
    assert (more.status, "configured for 40 A at most; nothing changed" in more.json["detail"]) == (422, True)
    assert not quiet.site.state.ceilings
    cut = await ask.ask("PUT", "circuits", "garage", "ceiling", body={"value": 41.0})
    assert (cut.status, cut.json["ceiling_a"]) == (200, 40.0)
    for path in (("circuits", "a/b c", "ceiling"), ("circuits", "nobody", "ceiling")):
        unknown = await ask.ask("PUT", *path, body={"value": 1.0})
        assert (unknown.ok, unknown.status) == (False, 404)
    assert (await ask.ask("PUT", "circuits", "garage", "ceiling", body={"value": "1"})).status == 422
