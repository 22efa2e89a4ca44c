"""Types of fields: each validates its values and appears in the schema. Defined once for all models."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from starlette.responses import Response

from crm_core.contacts.emails import EMAIL_LONGEST, check_email
from crm_core.errors import BadEmail
from crm_core.messaging.messages import TEXT_LONGEST, utf16_units
from crm_core.names import DESCRIPTION_LONGEST, NAME_LONGEST, shows_something
from crm_core.routing.keywords import WORD_LONGEST
from crm_core.routing.skills import MINUTES_LONGEST, TAGS_AT_MOST

# Both databases count to 2**63; bounds in the schema are floating-point numbers, which represent this one exactly.
INTEGER = 9 * 10**18
# PostgreSQL cannot store NUL. Lone surrogates are refused by pydantic itself.
NO_NUL = r"^[^\x00]*$"
ON_ONE_LINE = r"^[^\x00-\x1f\x7f]*$"


def _whole(given: Any) -> Any:
    return int(given) if type(given) is float and given.is_integer() else given


WHOLE = BeforeValidator(_whole)
"""Accepts 1.0, which is an integer in JSON. Written after the bounds of a field, so that the schema shows them."""

Id = Annotated[int, Field(ge=-INTEGER, le=INTEGER), WHOLE]
"""An id. One that nothing has is "not found" rather than "invalid"."""


def _is_sendable(text: str) -> str:
    if utf16_units(text) > TEXT_LONGEST:
        raise ValueError(f"must have at most {TEXT_LONGEST} UTF-16 code units, the limit of a Telegram message")
    return text


def _is_not_blank(text: str) -> str:
    if not shows_something(text):
        raise ValueError("must not be blank")
    return text


def _is_email(text: str) -> str:
    try:
        return check_email(text)
    except BadEmail:
        raise ValueError("must be an e-mail address such as you@example.com") from None


Name = Annotated[str, Field(min_length=1, max_length=NAME_LONGEST, pattern=r"^[^\x00-\x20\x7f/#][^\x00-\x1f\x7f]*$")]
Description = Annotated[str, Field(max_length=DESCRIPTION_LONGEST, pattern=NO_NUL)]
Message = Annotated[str, Field(max_length=TEXT_LONGEST, pattern=NO_NUL), AfterValidator(_is_sendable)]
Said = Annotated[
    str,
    Field(min_length=1, max_length=TEXT_LONGEST, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$"),
    AfterValidator(_is_sendable),
    AfterValidator(_is_not_blank),
]
Email = Annotated[
    str,
    Field(max_length=EMAIL_LONGEST, pattern=NO_NUL, json_schema_extra={"format": "email"}),
    AfterValidator(_is_email),
]
# Whether it can be read depends on the setting DEFAULT_REGION: `RequestContext.phone` says so.
Phone = Annotated[str, Field(max_length=40, pattern=ON_ONE_LINE, json_schema_extra={"format": "phone"})]
FullName = Annotated[str, Field(max_length=200, pattern=ON_ONE_LINE)]
ExternalId = Annotated[str, Field(min_length=1, max_length=200, pattern=ON_ONE_LINE)]


def _with_minutes(given: Any) -> Any:
    return dict.fromkeys(given) if isinstance(given, list) and all(isinstance(one, str) for one in given) else given


Tag = Annotated[str, Field(min_length=1, max_length=32, pattern=ON_ONE_LINE, json_schema_extra={"format": "skill"})]
"""A skill. Which characters make a word is a table of Unicode's: `crm_core.routing.skills` says so."""

Keyword = Annotated[
    str, Field(min_length=1, max_length=WORD_LONGEST, pattern=ON_ONE_LINE, json_schema_extra={"format": "keyword"})
]
"""A word of a keyword rule; `crm_core.routing.keywords` says what is one."""

_TagWithMinutes = dict[Tag, Annotated[int, Field(ge=0, le=MINUTES_LONGEST), WHOLE] | None]
Required = Annotated[
    _TagWithMinutes,
    Field(max_length=TAGS_AT_MOST),
    BeforeValidator(
        _with_minutes,
        json_schema_input_type=Annotated[_TagWithMinutes, Field(max_length=TAGS_AT_MOST)]
        | Annotated[list[Tag], Field(max_length=TAGS_AT_MOST)],
    ),
]
"""Skills, each with the minutes of waiting after which it is dropped, or null; a list of them where none is dropped."""


def written(moment: datetime) -> str:
    """A moment as the specifications show it: UTC, with Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime, PlainSerializer(written, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]


class Body(BaseModel):
    """What a caller sends. Unknown fields and values of another type are refused."""

    model_config = ConfigDict(strict=True, extra="forbid")


class FilledIn(Body):
    """What a form may have made: an optional field that is empty or blank was not filled in, and counts as left out."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_blanks(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if not cls._is_blank(name, value)}

    @classmethod
    def _is_blank(cls, name: str, value: Any) -> bool:
        field = cls.model_fields.get(name)
        return field is not None and not field.is_required() and isinstance(value, str) and not shows_something(value)


class Shown(BaseModel):
    """What a caller gets."""

    model_config = ConfigDict(from_attributes=True)

    @classmethod
    def answer(cls, found: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """A response that shows an object, from its attributes or keys."""
        return Response(cls.model_validate(found).model_dump_json(), status, headers, "application/json")


def example(rules: dict[str, Any] | None = None, /, **values: Any) -> ConfigDict:
    """The example of a model, as in the specifications, and schema rules that its fields do not express."""
    return ConfigDict(json_schema_extra={"example": values, **(rules or {})})
