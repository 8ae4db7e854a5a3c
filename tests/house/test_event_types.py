"""Every event that is told by name in the code stands in the list that readers go by."""

import ast

from sitectl.model.event_types import EVENT_TYPES
from sitectl.model.storage import StoreState
from sitectl.model.uplink import UplinkState
from sitectl.site.trials import TrialKind
from tests.house.source import modules, place, tree

TELLING = ("record", "note", "_note")


def test_every_event_is_in_the_list() -> None:
    unknown = [
        f"{place(path, node)}: {node.args[0].value}"
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute | ast.Name)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id) in TELLING
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and "." in node.args[0].value
        and node.args[0].value not in EVENT_TYPES
    ]
    assert not unknown, f"say in sitectl/model/event_types.py what it tells: {unknown}"


def test_events_whose_names_are_made_are_in_the_list() -> None:
    made = {f"store.{state.value}" for state in StoreState}
    made |= {f"uplink.{state.value}" for state in UplinkState}
    made |= {f"{kind.value}.{moment}" for kind in TrialKind for moment in ("began", "ended")}
    assert made <= set(EVENT_TYPES)


def test_the_list_is_in_order() -> None:
    assert list(EVENT_TYPES) == sorted(EVENT_TYPES)
