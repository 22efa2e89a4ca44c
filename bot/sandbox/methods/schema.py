"""Checks requests against the Bot API's schema, in the form of aiogram's method models."""

import types
import typing
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import from_json

from bot.sandbox.methods.call import Call
from bot.sandbox.world.state import Violation

if TYPE_CHECKING:
    from aiogram.methods.base import TelegramMethod

_PLAIN = (str, int, float, bool)


class _Schema:
    """A model, the names it knows, and those of its fields that come as JSON text in a form."""

    def __init__(self, model: "type[TelegramMethod[Any]]") -> None:
        self.model = model
        self.names = frozenset(model.model_fields)
        self.structured = frozenset(
            name for name, field in model.model_fields.items() if not _is_plain(field.annotation)
        )


def _is_plain(annotation: Any) -> bool:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(_is_plain(part) for part in typing.get_args(annotation))
    if typing.get_origin(annotation) is typing.Annotated:
        return _is_plain(typing.get_args(annotation)[0])
    return annotation in _PLAIN


@cache
def _schema(method: str) -> _Schema | None:
    # Imported on first use, because it takes two seconds, which a sandbox that is not strict can save.
    import aiogram.methods

    model = getattr(aiogram.methods, method[0].upper() + method[1:], None)
    return _Schema(model) if model is not None else None


def load() -> None:
    """Import the models now, so that the first call does not wait for them."""
    _schema("getMe")


def check(call: Call) -> None:
    """Record every unknown field and every invalid value.

    Nothing is refused here: Telegram ignores unknown fields, and the methods report invalid values as Telegram does.
    """
    schema = _schema(call.method)
    if schema is None:
        return
    for name in call.fields.keys() - schema.names:
        _note(call, f"unknown field {name!r}")
    values = dict(call.fields)
    for name in schema.structured & values.keys():
        if isinstance(values[name], str):
            try:
                values[name] = from_json(values[name])
            except ValueError:
                _note(call, f"field {name!r} is not JSON")
                return
    values |= {name: f"attach://{name}" for name in call.uploads if name in schema.names}
    try:
        schema.model.model_validate(values)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            _note(call, f"field {'.'.join(map(str, problem['loc']))}: {problem['msg']}")


def _note(call: Call, problem: str) -> None:
    call.world.violations.append(Violation(call.bot.id, call.method, problem))
