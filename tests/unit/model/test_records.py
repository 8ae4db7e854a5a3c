import dataclasses
from dataclasses import dataclass, field

import pytest

from sitectl.model.records import replace


@dataclass(frozen=True, slots=True)
class Record:
    a: int
    b: str = "b"
    c: tuple[int, ...] = field(default=(), repr=False)


def test_it_is_what_the_library_makes() -> None:
    record = Record(1, c=(1, 2))
    for changes in ({}, {"a": 2}, {"c": (), "b": "x"}):
        assert replace(record, **changes) == dataclasses.replace(record, **changes)
    assert record == Record(1, c=(1, 2)), "the one that was is not touched"
    assert replace(record, a=2).c is record.c
    with pytest.raises(dataclasses.FrozenInstanceError):
        replace(record, a=2).a = 3  # type: ignore[misc]


def test_a_field_that_is_none_is_a_mistake() -> None:
    with pytest.raises(AttributeError, match="d"):
        replace(Record(1), d=2)


def test_a_record_that_looks_at_its_fields_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Careful:
        a: int
        b: int

        def __post_init__(self) -> None:
            assert self.a < self.b

    with pytest.raises(TypeError, match="Careful"):
        replace(Careful(1, 2), a=3)
