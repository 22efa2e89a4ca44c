"""The tests import aiogram's types without their validators (`tests.support.deferred_models`)."""

import pytest
from aiogram import types
from pydantic import BaseModel

EVERY = {name: getattr(types, name) for name in types.__all__}
TYPES = {name: kind for name, kind in EVERY.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


@pytest.mark.slow  # two seconds, all that deferring saves
def test_every_type_of_aiogram_can_be_built_when_it_is_first_used() -> None:
    for kind in TYPES.values():
        kind.model_rebuild()
    assert [name for name, kind in TYPES.items() if not kind.__pydantic_complete__] == []
    assert len(TYPES) > 300
