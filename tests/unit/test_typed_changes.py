"""Changes for a replay as people type them: whose setting is meant, whatever signs a name has."""

from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm_core.errors import BadName, CrmError, NameTaken
from crm_core.names import check_free_name, is_quoted
from crm_core.replay.changes import Changes
from crm_core.replay.typed import TypedChange, one_change, read_changes, split
from crm_core.replay.typed_names import Names
from crm_core.routing.sources import SourceListed
from crm_core.team.operators import OperatorFacts

SOURCES = ["shop_bot", "Dr. Shop", "Dr", "a=b"]
KNOWN = [
    SourceListed(number, name, None, None, True, "random", "shop_bot") for number, name in enumerate(SOURCES, start=1)
]
PIECES = [
    "Anna",
    "Dr",
    "b",
    "5",
    " ",
    ".",
    ".",
    "=",
    ",",
    ";",
    '"',
    "«",
    "»",
    "'",
    "@",
    "#",
    ".limit=",
    ".weight=",
    ".b=",
]


def team(*names: str) -> list[OperatorFacts]:
    """Operators with these names, of those that can be given: each is checked as when it is added."""
    taken: list[str] = []
    for one in names:
        try:
            taken.append(check_free_name(one, taken))
        except (BadName, NameTaken):
            continue
    return [OperatorFacts(number, name, True, True, 5, 0, None) for number, name in enumerate(taken, start=1)]


teams = st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join), max_size=6).map(
    lambda names: team(*names)
)


def read(staff: list[OperatorFacts], *typed: TypedChange | str) -> list[tuple[int, int]]:
    """Whose settings are changed: sources and operators, in order."""
    changes: Changes = read_changes(typed, known=KNOWN, staff=staff, zone="UTC", today=date(2026, 1, 5))
    return [(key.source_id, key.operator_id) for key in changes.values]


@given(teams)
@example(team("Anna", '"Anna"', "@anna", "x.limit=1", "x", "Dr. Anna", "Anna,", 'a" b', "5", "a"))
def test_every_name_that_an_operator_can_have_can_be_named(staff: list[OperatorFacts]) -> None:
    for one in staff:
        assert read(staff, f'"{one.name}".limit=5') == [(0, one.id)]
        if not is_quoted(one.name):
            assert read(staff, f"{one.name}.limit=5") == [(0, one.id)]
        for number, source in enumerate(SOURCES, start=1):
            assert read(staff, f'"{source}"."{one.name}".weight=40') == [(number, one.id)]


@given(teams)
@example(team("Anna", "Dr. Anna", "a=b", "x.limit=1", "Lee, Anna", "a b"))
def test_every_name_can_be_named_among_others_in_a_line(staff: list[OperatorFacts]) -> None:
    names = Names.of(KNOWN, staff)
    for one, other in pairwise(staff):
        period, changes = split(f'yesterday "{one.name}".limit=5, shop_bot."{other.name}".weight=40', names)
        assert period == "yesterday"
        assert read(staff, *changes) == [(0, one.id), (1, other.id)]


def test_quotes_decide_between_two_ways_to_read_a_source_and_an_operator() -> None:
    staff = team("Dr. Anna", "Anna")
    both = [replace(KNOWN[0], id=1), replace(KNOWN[0], id=2, name="shop_bot.Dr")]
    for typed, expected in (
        ("shop_bot.Dr. Anna.weight=4", (1, 1)),
        ('shop_bot."Dr. Anna".weight=4', (1, 1)),
        ('"shop_bot.Dr".Anna.weight=4', (2, 2)),
    ):
        (key,) = read_changes([typed], known=both, staff=staff, zone="UTC", today=date(2026, 1, 5)).values
        assert (key.source_id, key.operator_id) == expected


STAFF = team("Anna", "Dr. Anna", "a=b", "Anna Maria", "Lee, Anna", "J. R. Ewing")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("yesterday Dr. Anna.limit=5", ["Dr. Anna.limit=5"]),
        ("yesterday shop_bot.Dr. Anna.weight=40, a=b.limit=3", ["shop_bot.Dr. Anna.weight=40", "a=b.limit=3"]),
        ("yesterday shop_bot.a=b.weight=40", ["shop_bot.a=b.weight=40"]),
        ("yesterday a=b.a=b.weight=40 Anna Maria.limit=3", ["a=b.a=b.weight=40", "Anna Maria.limit=3"]),
        ("yesterday Dr. Shop.skills=german 30, vip, Dr.ramp=3", ["Dr. Shop.skills=german 30, vip", "Dr.ramp=3"]),
        (
            "yesterday Lee, Anna.limit=5; Anna.hours=mon-fri 9.30-18",
            ["Lee, Anna.limit=5", "Anna.hours=mon-fri 9.30-18"],
        ),
        ('yesterday shop_bot."Dr. Anna".weight=40', ['shop_bot."Dr. Anna".weight=40']),
        ("yesterday Dr. Ana.limit=5", ["Dr. Ana.limit=5"]),
        ("yesterday shop_bot.Dr. Ana.weight=5", ["shop_bot.Dr. Ana.weight=5"]),
        ("yesterday Zoe.limit=5", ["Zoe.limit=5"]),
    ],
)
def test_line_is_split_at_names_with_signs_of_their_own(line: str, expected: list[str]) -> None:
    period, changes = split(line, Names.of(KNOWN, STAFF))
    assert (period, list(map(str, changes))) == ("yesterday", expected)
    for one in expected:
        assert str(one_change(one, Names.of(KNOWN, STAFF))) == one


@pytest.mark.parametrize(
    ("typed", "code", "close"),
    [
        ("shop_bot.a=c.weight=40", "operator_not_found", ["a=b"]),
        ("Dr. Ana.limit=5", "operator_not_found", ["Dr. Anna"]),
        ("shop_bot.Dr. Ana.weight=5", "operator_not_found", ["Dr. Anna"]),
        ("shop_bat.Dr. Anna.weight=5", "source_not_found", ["shop_bot"]),
        ("a=b.wait=5", "bad_change", ["a=b.weight=5"]),
        ("J. R. Ewing.weight=5", "bad_change", ["shop_bot.J. R. Ewing.weight=5"]),
    ],
)
def test_wrong_names_with_signs_get_what_would_be_right(typed: str, code: str, close: list[str]) -> None:
    with pytest.raises(CrmError) as caught:
        read(STAFF, typed)
    assert caught.value.code == code
    assert caught.value.fields["close"][: len(close)] == close
