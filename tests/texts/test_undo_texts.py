"""/undo: every setting that it knows has a name of its own."""

from datetime import UTC, datetime
from itertools import combinations

import pytest

from bot.admins.undo import named, value_text
from bot.texts import LANGUAGES, translator
from crm_core.team.undoing import KNOWN, SettingChange, Undoable

MOMENT = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_that_can_be_put_back_has_a_name(language: str) -> None:
    _ = translator(language)
    changes = [SettingChange(1, MOMENT, one.what, 1, "Site", 1, "Anna", None, None) for one in KNOWN]
    assert len({named(one, _) for one in changes}) == len(KNOWN)


@pytest.mark.fault("F246")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("setting", [one for one in KNOWN if isinstance(one.at_first, dict)], ids=lambda one: one.what)
def test_any_of_the_columns_of_a_setting_can_be_said(setting: Undoable, language: str) -> None:
    """A change has those columns that it changed, whichever these are."""
    _ = translator(language)
    change = SettingChange(1, MOMENT, setting.what, 1, "Site", None, "", None, None)
    for many in range(1, len(setting.at_first) + 1):
        for names in combinations(setting.at_first, many):
            assert value_text(change, {name: setting.at_first[name] for name in names}, _)
