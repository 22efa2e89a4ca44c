"""/undo: every setting that it knows has a name of its own."""

from datetime import UTC, datetime

import pytest

from bot.admins.undo import named
from bot.texts import LANGUAGES, translator
from crm_core.team.undoing import KNOWN, SettingChange

MOMENT = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_that_can_be_put_back_has_a_name(language: str) -> None:
    _ = translator(language)
    changes = [SettingChange(1, MOMENT, one.what, 1, "Site", 1, "Anna", None, None) for one in KNOWN]
    assert len({named(one, _) for one in changes}) == len(KNOWN)
