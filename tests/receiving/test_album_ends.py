"""Which part of an album is known to be its last one, by the answer of Telegram in which it came."""

from typing import Any

from bot.receiving.updates import to_update, with_album_ends
from bot.telegram.methods import POLL_LIMIT

BOT, IVAN, MARIA = 7, 1, 2


def part(update_id: int, chat: int, album: Any) -> dict[str, Any]:
    return {"update_id": update_id, "message": {"chat": {"id": chat}, "media_group_id": album}}


def ends(*raw: dict[str, Any]) -> list[int]:
    """The updates with which an album ends."""
    return [one.update_id for one in with_album_ends([to_update(BOT, each) for each in raw]) if one.ends_album]


def test_last_of_several_parts_ends_an_album() -> None:
    assert ends(part(1, IVAN, "7"), part(2, MARIA, "8"), part(3, IVAN, "7"), part(4, MARIA, "8")) == [3, 4]


def test_single_part_ends_nothing() -> None:
    assert ends(part(1, IVAN, "7"), part(2, MARIA, "7"), part(3, IVAN, "8")) == []


def test_answer_that_is_full_may_have_been_cut_within_an_album() -> None:
    assert ends(*(part(number, IVAN, "7") for number in range(1, POLL_LIMIT + 1))) == []


def test_odd_updates_end_no_album() -> None:
    assert ends(part(1, IVAN, 7), part(2, IVAN, 7), {"update_id": 3, "message": []}, {"update_id": 4}) == []
