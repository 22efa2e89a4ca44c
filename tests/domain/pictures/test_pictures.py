"""The picture of the statistics: its texts are really drawn and fit, whatever people call themselves."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
import uvloop
from sqlalchemy.orm import Session

from bot.texts import translator
from bot.texts.pictures import columns, statistics_words
from crm_core import statistics
from crm_core.pictures.arrivals import Step, columns_of, step_for
from crm_core.pictures.drawing import draw
from crm_core.pictures.font import drawable, fitting, width
from crm_core.pictures.panels import BARS, tick
from crm_core.pictures.statistics import WIDE, statistics_picture
from crm_core.routing.sources import SourceListed
from crm_core.statistics import (
    Arrivals,
    Cause,
    Durations,
    Gap,
    OperatorNumbers,
    Period,
    ShareNumbers,
    SourceNumbers,
    Statistics,
)
from crm_core.storage.database import Database
from crm_core.subprocesses import NoResult
from crm_core.team.operators import OperatorFacts
from tests.domain.statistics.test_statistics import Books
from tests.support.pictures import difference, opened

pytestmark = pytest.mark.slow  # each starts a process

NOTHING = Durations(0, None, None)
EMPTY = Statistics((), (), 0, 0, 0, NOTHING, NOTHING, NOTHING)
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
WEEK = [Arrivals(MONDAY + timedelta(days=day), 10 + day, day % 3) for day in range(7)]
HOSTILE = '</text><image href="file:///etc/passwd"/>&amp;"\u202e\x00'


def operator(name: str, load: int = 3, limit: int = 10, number: int = 1) -> OperatorNumbers:
    return OperatorNumbers(OperatorFacts(number, name, True, True, limit, load, 7), contacts=load)


def source(name: str, shares: list[ShareNumbers], number: int = 1) -> SourceNumbers:
    return SourceNumbers(SourceListed(number, name, None, None, True, "random", "shop_bot"), 10, 0, tuple(shares))


def share(name: str, cause: Cause | None = None) -> ShareNumbers:
    gap = Gap(-2.5, cause, {})
    return ShareNumbers(operator_id=1, operator=name, weight=1, contacts=5, planned=0.5, actual=0.25, gap=gap)


def picture(numbers: Statistics, *, language: str = "ru", arrivals: list[Arrivals] = WEEK) -> str:
    _ = translator(language)
    words = statistics_words(Period.WEEK, Step.DAY, arrivals, _)
    return statistics_picture(numbers, columns(Step.DAY, arrivals, _), words)


async def test_operator_name_is_drawn_at_its_place_in_the_picture() -> None:
    """If the font were missing, resvg would draw no text at all, and both would be the same."""
    anna = await draw(picture(replace(EMPTY, operators=(operator("Анна"),))))
    boris = await draw(picture(replace(EMPTY, operators=(operator("Борис"),))))
    changed = difference(anna, boris)
    assert changed is not None
    left, top, right, bottom = changed
    assert right < 64 + BARS  # left of the bar
    assert 10 < bottom - top < 40  # a line of letters high
    assert right - left > 50


@pytest.mark.parametrize("field", ["title", "period", "flow", "load", "shares", "times", "mean", "to_take"])
async def test_every_label_is_drawn_in_the_picture(field: str) -> None:
    other: Any = {field: "Ёжик"}
    _ = translator("ru")
    words = statistics_words(Period.WEEK, Step.DAY, WEEK, _)
    marks = columns(Step.DAY, WEEK, _)
    before = await draw(statistics_picture(EMPTY, marks, words))
    after = await draw(statistics_picture(EMPTY, marks, replace(words, **other)))
    assert difference(before, after) is not None


async def test_picture_differs_by_language_and_has_the_expected_width() -> None:
    numbers = replace(EMPTY, operators=(operator("Anna"),), sources=(source("shop_bot", [share("Anna")]),))
    russian, english = await draw(picture(numbers)), await draw(picture(numbers, language="en"))
    assert difference(russian, english) is not None
    assert opened(russian).width == WIDE


def test_markup_in_names_is_escaped_in_the_svg() -> None:
    named = replace(EMPTY, operators=(operator(HOSTILE),), sources=(source(HOSTILE, [share(HOSTILE)]),))
    root = ElementTree.fromstring(picture(named))  # noqa: S314 - our own text
    kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert kinds == {"svg", "g", "rect", "circle", "text"}
    said = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert sum(text.startswith("</text><image") for text in said) == 3


def test_characters_missing_from_the_font_are_dropped() -> None:
    assert drawable("Анна 🌸") == "Анна"
    assert drawable("👩‍💻  Ольга\n") == "Ольга"
    assert drawable("😀 Gülşen Арам Արամ") == "😀 Gülşen Арам Արամ"
    assert drawable("王小明") == ""
    assert "без имени" in picture(replace(EMPTY, operators=(operator("王小明"),)))


@pytest.mark.parametrize("name", ["Светлана Константинопольская-Задунайская", "W" * 64, "i" * 64])
def test_long_name_is_truncated_to_fit_its_width(name: str) -> None:
    cut = fitting(name, 300, 34)
    assert cut.endswith("…")
    assert width(cut, 34) <= 300
    assert width(cut, 34) > 300 - 34
    assert fitting("Анна", 300, 34) == "Анна"


@pytest.mark.parametrize(("operators", "sources"), [(0, 0), (1, 1), (9, 2), (60, 50)])
def test_picture_height_is_limited_and_omitted_rows_are_counted(operators: int, sources: int) -> None:
    staff = tuple(operator(f"Оператор {number}", load=number, number=number) for number in range(operators))
    shares = [share(f"Оператор {number}") for number in range(min(operators, 20))]
    numbers = replace(
        EMPTY, operators=staff, sources=tuple(source(f"Источник {n}", shares, number=n) for n in range(sources))
    )
    root = ElementTree.fromstring(picture(numbers))  # noqa: S314
    assert int(root.attrib["height"]) <= 2 * WIDE
    said = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    if operators == 60:
        assert "… и ещё 52: 1 326 из 520" in said
        assert "… и ещё 17" in said
        assert "… и ещё 48 источников" in said


async def test_drawing_failure_raises_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoResult):
        await draw("<svg")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(NoResult, match="no process"):
        await draw(picture(EMPTY))


def test_drawing_works_with_uvloop() -> None:
    """Which takes fewer arguments for a process than asyncio's own."""
    assert uvloop.run(draw(picture(EMPTY))).startswith(b"\x89PNG")


async def test_drawing_runs_in_a_subprocess() -> None:
    """resvg holds the interpreter while it draws, so it must not even be loaded here."""
    await draw(picture(EMPTY))
    assert "resvg_py" not in sys.modules


@pytest.mark.parametrize(
    ("highest", "step"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 5), (20, 5), (21, 10), (40_001, 20_000)]
)
def test_chart_gridlines_use_round_steps(highest: int, step: int) -> None:
    assert tick(highest) == step


def test_chart_step_grows_with_the_period() -> None:
    today = MONDAY.date()
    for days, step in ((1, Step.DAY), (31, Step.DAY), (32, Step.WEEK), (210, Step.WEEK), (211, Step.MONTH)):
        assert step_for(today - timedelta(days=days - 1), today) is step
    assert step_for(today - timedelta(days=5000), today) is Step.YEAR


def test_chart_columns_are_labelled_backwards_from_today() -> None:
    zone = ZoneInfo("Asia/Vladivostok")
    month = [Arrivals(datetime(2026, 10, 23, tzinfo=zone) + timedelta(days=day), 1, 0) for day in range(30)]
    marks = [one.label for one in columns(Step.DAY, month, translator("ru"))]
    assert marks[-1] == "21 нояб."
    assert [place for place, label in enumerate(marks) if label] == [4, 9, 14, 19, 24, 29]
    assert [one.label for one in columns(Step.DAY, WEEK[:2], translator("en"))] == ["Nov 16", "Nov 17"]


async def test_chart_columns_cover_every_span_including_empty_ones(db: Database) -> None:
    moscow = ZoneInfo("Europe/Moscow")
    evening = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)  # half past midnight of the 21st in Moscow

    def story(s: Session) -> None:
        statistics.prepare(s, zone="Europe/Moscow")
        books = Books(s)
        anna = books.operator("Anna", 1)
        books.contact(anna, at=evening)
        books.contact(None, at=evening + timedelta(hours=5))
        books.contact(None, at=evening - timedelta(hours=1))
        books.contact(anna, at=evening - timedelta(days=40))

    await db.write(story)
    wanted: Any = {"now": evening + timedelta(hours=6), "zone": moscow}
    step, hours = await db.read(columns_of, period=Period.TODAY, **wanted)
    assert (step, len(hours)) == (Step.HOUR, 24)
    assert {one.start.hour: (one.contacts, one.unassigned) for one in hours if one.contacts} == {0: (1, 0), 5: (1, 1)}
    step, days = await db.read(columns_of, period=Period.WEEK, **wanted)
    assert step is Step.DAY
    assert [(one.start.day, one.contacts, one.unassigned) for one in days] == [
        (15, 0, 0),
        (16, 0, 0),
        (17, 0, 0),
        (18, 0, 0),
        (19, 0, 0),
        (20, 1, 1),
        (21, 2, 1),
    ]
    step, weeks = await db.read(columns_of, period=Period.ALL, **wanted)
    assert step is Step.WEEK
    assert [one.contacts for one in weeks] == [1, 0, 0, 0, 0, 3]
    assert weeks[0].start == datetime(2026, 10, 12, tzinfo=moscow)  # a Monday
    assert sum(one.contacts for one in weeks) == 4


async def test_chart_without_contacts_says_so(db: Database) -> None:
    found = await db.read(columns_of, period=Period.ALL, now=MONDAY, zone=UTC)
    assert found == (Step.DAY, ())
    svg = statistics_picture(EMPTY, [], statistics_words(Period.ALL, *found, translator("en")))
    assert "No requests in this period." in svg
