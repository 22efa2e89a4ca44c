"""The settings screens of a source and of an operator: all settings in one message, whatever their values."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest

from bot.admins.operator_screens import operator_screen
from bot.admins.operator_settings import OPERATOR_SETTINGS
from bot.admins.source_screens import more_screen, source_screen
from bot.admins.source_settings import SOURCE_SETTINGS
from bot.screens.message import OutgoingMessage
from bot.texts import LANGUAGES, translator
from crm_core.hours.stored import to_json
from crm_core.names import DESCRIPTION_LONGEST, NAME_LONGEST
from crm_core.routing import keywords, skills
from crm_core.routing.coverage import Uncovered
from crm_core.routing.source_details import Share, SourceDetails
from crm_core.routing.sources import SourceListed
from crm_core.service.targets import read_targets
from crm_core.service.targets import to_json as stored_targets
from crm_core.team.operators import OperatorDetails, OperatorFacts
from tests.support.random_hours import random_calendar

ROWS_AT_MOST = 8
TEXT_LONGEST = 4_096
NAME = "W" * NAME_LONGEST
TAGS = skills.write({f"{number:032}x"[1:]: 10_080 for number in range(skills.TAGS_AT_MOST)})
DATES = [date(2027, 1, 1) + timedelta(days=3 * number) for number in range(100)]
HOURS = to_json(random_calendar(Random(7), "America/Argentina/Buenos_Aires", DATES))
MOMENT = datetime(2026, 11, 29, 22, tzinfo=UTC)
GAPS = tuple((MOMENT + timedelta(days=day), MOMENT + timedelta(days=day, hours=9)) for day in range(7))

PLAIN = SourceListed(2**31 - 1, NAME, None, None, True, "random", "shop_bot")
FULL = replace(
    PLAIN,
    description="d" * DESCRIPTION_LONGEST,
    is_active=False,
    slug="s" * 32,
    strategy="exact",
    late_hours=744,
    sticky_days=3_650,
    offer_seconds=86_399,
    hours=HOURS,
    is_open=False,
    sla=stored_targets(read_targets("first 9999 next 9999 resolve 9999")),
    skills=TAGS,
    priority_minutes=10_080,
    ramp=1_000,
    catch_up=1_000,
    handover="hand_over",
    away_minutes=10_080,
    waiting_load=50,
    protect_content=True,
    forum_chat_id=-(2**40),
    keywords=keywords.write([keywords.check([f"{number:040}"], {"vip": 30}, 10_080) for number in range(20)]),
)
SHARES = tuple(Share(1, NAME, number, NAME, 1_000, 0.123, 1_000) for number in range(30))
IDLE = OperatorFacts(2**31 - 1, NAME, True, False, 1_000, 999, 7_000_000_000)
BUSY = replace(
    IDLE,
    max_held=3_000,
    snoozed=999,
    hours=HOURS,
    rate=1_000,
    given_lately=1_000,
    skills=TAGS,
    missing_bots=("b" * 32,) * 3,
)


def rows(screen: OutgoingMessage) -> list[list[dict[str, Any]]]:
    found: list[list[dict[str, Any]]] = screen.payload["keyboard"]["inline_keyboard"]
    return found


def labels(*screens: OutgoingMessage) -> list[str]:
    return [one["text"] for screen in screens for row in rows(screen) for one in row]


def fits(screen: OutgoingMessage) -> bool:
    return len(screen.payload["text"].encode("utf-16-le")) // 2 <= TEXT_LONGEST and len(rows(screen)) <= ROWS_AT_MOST


@pytest.mark.parametrize("source", [PLAIN, FULL], ids=["plain", "full"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_screen_of_a_source_shows_all_settings_and_fits(language: str, source: SourceListed) -> None:
    _ = translator(language)
    details = SourceDetails(source, SHARES, 1_000, Uncovered(source.id, NAME, "Europe/Berlin", GAPS))
    screen, more = source_screen(details, _, note="n" * 250), more_screen(source, _)
    assert fits(screen)
    assert fits(more)
    for setting in SOURCE_SETTINGS:
        label = setting.label(source, _)
        assert label in labels(screen, more)
        if setting.value is not None:
            assert bool(setting.value(source, _)) is (label not in screen.payload["text"])


@pytest.mark.parametrize("facts", [IDLE, BUSY], ids=["idle", "busy"])
@pytest.mark.parametrize("shares", [(), SHARES], ids=["new", "known"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_screen_of_an_operator_shows_all_settings_and_fits(
    language: str, facts: OperatorFacts, shares: tuple[Share, ...]
) -> None:
    _ = translator(language)
    details = OperatorDetails(facts, shares, () if shares else (PLAIN,) * 30)
    screen = operator_screen(details, _, note="n" * 250)
    assert fits(screen)
    for setting in OPERATOR_SETTINGS:
        label = setting.label(facts, _)
        assert label in labels(screen)
        if setting.value is not None:
            assert bool(setting.value(facts, _)) is (label not in screen.payload["text"])
