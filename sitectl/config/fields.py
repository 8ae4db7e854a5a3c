"""Types of single values: numbers with their bounds, notations that must parse, and what a later version will take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from sitectl.config import notation
from sitectl.config.connections import parse_connection
from sitectl.config.issues import shown
from sitectl.config.notation import Refusal

LATER_KEY = "later_key"
LATER_VALUE = "later_value"
FAULT = "fault"
NOT_YET = "is not in this version"


def fault(message: str, cure: str, kind: str = FAULT) -> PydanticCustomError:
    """An error whose text is final; `shape` passes it on as it is."""
    return PydanticCustomError(kind, "{message}; {cure}", {"message": message, "cure": cure})


def parses(parse: Callable[[str], object]) -> AfterValidator:
    """The text must be one that `parse` does not refuse. It stays text in the model."""

    def check(text: str) -> str:
        refused = parse(text)
        if isinstance(refused, Refusal):
            raise fault(refused.message, refused.cure)
        return text

    return AfterValidator(check)


@dataclass(frozen=True, slots=True)
class Only:
    """A value that is known but not `supported` is of a later version."""

    supported: object

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"const": self.supported}

    def _check(self, value: object) -> object:
        if value != self.supported:
            cure = f"write {shown(self.supported)} or leave it away"
            raise fault(f"{shown(value)} {NOT_YET}", cure, LATER_VALUE)
        return value


def _refuse_later(value: object) -> None:
    if value not in (None, {}, [], False):
        raise fault(NOT_YET, "remove it", LATER_KEY)


def _auto_or_number(value: object) -> object:
    if isinstance(value, str) and value != "auto":
        raise fault(f"{shown(value)} is neither a number nor auto", "write ampere per phase, or auto")
    return None if value == "auto" else value


def _named(text: str) -> str:
    if not 1 <= len(text) <= 64 or not text.isprintable() or text != text.strip():
        raise fault(f"{shown(text)} is not usable as a name", "use 1 to 64 printable characters")
    return text


def _identity(text: str) -> str:
    if not notation.is_identity(text):
        raise fault(f"{shown(text)} is not an identity", "use 1 to 48 of A-Z a-z 0-9 * - _ = + | @ .")
    return text


def _evse_number(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and text == str(int(text)) and int(text) > 0):
        raise fault(f"{shown(text)} is not an EVSE number", "count EVSEs 1, 2, 3, …")
    return text


Name = Annotated[str, AfterValidator(_named)]
StationName = Annotated[str, BeforeValidator(_identity), Field(pattern=r"^[A-Za-z0-9*\-_=+|@.]{1,48}$")]
EvseNumber = Annotated[str, BeforeValidator(_evse_number), Field(pattern="^[1-9][0-9]{0,2}$")]
FileName = Annotated[str, Field(min_length=1, max_length=4096)]
Text = Annotated[str, Field(min_length=1, max_length=256)]

Ampere = Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)]
PositiveAmpere = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]
PositiveWatt = Annotated[float, Field(gt=0, le=10_000_000, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=86_400 * 366, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]

Fallback = Annotated[
    Ampere | None,
    BeforeValidator(_auto_or_number),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": 10_000}, {"const": "auto"}]}),
]
ListenAddress = Annotated[str, parses(notation.parse_address)]
NetworkText = Annotated[str, parses(notation.parse_network)]
PhasesText = Annotated[str, parses(notation.parse_phases)]
Connection = Annotated[str, parses(parse_connection)]
UplinkUrl = Annotated[str, parses(notation.parse_uplink_url)]

Later = Annotated[
    object,
    AfterValidator(_refuse_later),
    WithJsonSchema({"enum": [None, False, {}, []], "description": "Known, but not in this version."}),
]
"""A key whose feature is not built: absent, empty or false is what this version does; anything else is refused."""


def is_later(field: FieldInfo) -> bool:
    """Whether a key is of a later version."""
    return any(isinstance(item, AfterValidator) and item.func is _refuse_later for item in field.metadata)


def keys_of(section: type[BaseModel]) -> Mapping[str, str]:
    """The keys of a section as they are written, with the attribute of each (`from` is no name in Python)."""
    return {info.alias or name: name for name, info in section.model_fields.items()}


class Section(BaseModel):
    """A mapping of the configuration: closed, strict, and a key without a value is as good as absent."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in keys_of(cls)}
