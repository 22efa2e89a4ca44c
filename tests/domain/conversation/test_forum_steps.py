"""The steps of a topic in a team's forum."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from crm_core.conversation.forum_steps import (
    NOWHERE,
    Above,
    Behind,
    Facts,
    Forum,
    Kind,
    Line,
    Posted,
    Shape,
    Shown,
    next_step,
)
from crm_core.conversation.history import Said

BOT, NOON = 7, datetime(2026, 1, 5, 12, tzinfo=UTC)
OPEN = Facts("new", "Ivan", "shop_bot", "Anna")
THERE = Shown(4, OPEN.name, OPEN.head, upto=0)
FORUM = Forum(1, BOT)


def line(number: int, kind: str = "text", *, album: str | None = None, **said: Any) -> Line:
    """A message of the client."""
    media = None if kind == "text" else {"kind": kind, "file": f"file {number}", "id": str(number)}
    words = Said(NOON, None, kind, f"Words {number}", **said)
    return Line(number, words, None, BOT, 5, number, can_copy=True, media=media, album=album)


def behind(*lines: Line, **further: Any) -> Behind:
    """What a topic does not show."""
    return Behind(lines, len(lines), **further)


def test_album_is_one_step_that_counts_its_parts() -> None:
    parts = [line(number, "photo", album="a") for number in (2, 3, 4)]
    words = next_step(FORUM, THERE, OPEN, behind(line(1), *parts))
    assert words is not None
    assert (words.kind, words.after.upto, words.is_last) == (Kind.SAY, 1, False)
    album = next_step(FORUM, words.after, OPEN, behind(*parts, line(5, "photo", album="b")))
    assert album is not None
    assert (album.kind, album.after.upto, album.messages, album.is_last) == (Kind.ALBUM, 4, 3, False)
    assert [album.shape_at(place) for place in range(3)] == [Shape.COPY, Shape.PART, Shape.PART]
    alone = album.first_alone()
    assert (alone.kind, alone.lines, alone.after.upto, alone.is_last) == (Kind.COPY, (parts[0],), 2, False)


def test_album_comes_part_by_part_where_it_cannot_be_sent_at_once() -> None:
    parts = [line(number, "photo", album="a") for number in (1, 2)]
    refused = next_step(replace(FORUM, no_album=True), THERE, OPEN, behind(*parts))
    unknown = next_step(FORUM, THERE, OPEN, behind(replace(parts[0], media=None), parts[1]))
    late = next_step(FORUM, THERE, OPEN, behind(parts[0]))
    for step in (refused, unknown, late):
        assert step is not None
        assert (step.kind, step.after.upto, step.messages) == (Kind.COPY, 1, 1)


def test_what_is_stale_is_changed_before_all_else_and_in_a_closed_topic_too() -> None:
    posted = Posted(9, Shape.WORDS, Above("shop_bot", "Anna"), (line(1, is_withdrawn=True), line(2)))
    for shown in (THERE, replace(THERE, is_closed=True)):
        step = next_step(FORUM, shown, OPEN, behind(line(3), stale=posted))
        assert step is not None
        assert (step.kind, step.posted_id, step.above, step.after) == (Kind.EDIT, 9, posted.above, shown)
        assert not step.is_last
    gone = replace(posted, shape=Shape.COPY, lines=(line(1, "photo", is_withdrawn=True),))
    step = next_step(FORUM, THERE, OPEN, Behind(stale=gone))
    assert step is not None
    assert (step.kind, step.is_last) == (Kind.UNSAY, True)
    more = next_step(FORUM, THERE, OPEN, Behind(stale=gone, has_more=True))
    assert more is not None
    assert not more.is_last


def test_request_that_is_elsewhere_is_only_marked_told_and_closed() -> None:
    elsewhere, shown, kinds = replace(OPEN, is_here=False), THERE, []
    while (step := next_step(FORUM, shown, elsewhere, Behind())) is not None:
        assert not step.is_here
        kinds.append(step.kind)
        shown = step.after
    assert kinds == [Kind.RENAME, Kind.SAY, Kind.CLOSE]
    assert next_step(FORUM, Shown(), elsewhere, Behind()) is None


def test_message_come_from_another_request_is_said_and_moves_nothing_else() -> None:
    posted = Posted(NOWHERE, Shape.WORDS, Above(), (line(1),))
    shown = replace(THERE, upto=5)
    step = next_step(FORUM, shown, OPEN, Behind(stale=posted))
    assert step is not None
    assert (step.kind, step.lines, step.posted_id, step.after, step.is_last) == (
        Kind.SAY,
        (line(1),),
        None,
        shown,
        True,
    )
