"""Which of many chats is next, and which row of a chat."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.chat_queues import YIELD_TO, ChatQueues
from bot.delivery.rate_limit import RateLimiter
from crm_core.messaging.outbox import (
    ANSWER,
    CARD,
    CARD_EDIT,
    CLIENT_NOTICE,
    COPY_EDIT,
    MENU,
    TO_CLIENT,
    TO_OPERATOR,
    PendingRow,
)
from tests.support.telegram_kit import FrozenClock

BOT, CLIENT, OTHER, ANNA, BORIS = 1, 5, 6, 7, 8
IVAN, PETRA, MARIA = 11, 12, 13  # contacts


def picked(*rows: PendingRow) -> list[int]:
    """The numbers of rows in the order in which they are sent, one request after the other."""
    still = FrozenClock()
    queues, order = ChatQueues(RateLimiter(still), still), list[int]()
    queues.add(rows)
    while len(order) < len(rows):
        found, _ = queues.pick()
        for row in found:
            order.append(row.id)
            still.forward(queues.rate_limiter.book(row.chat_id))
            queues.drop(row.id, row.chat_id)
        still.forward(1)
    return order


def test_oldest_row_is_sent_first() -> None:
    assert picked(PendingRow(3, BOT, ANNA, CARD), PendingRow(2, BOT, BORIS, CARD)) == [2, 3]


def test_client_notices_are_sent_after_cards_and_messages() -> None:
    rows = [
        PendingRow(1, BOT, CLIENT, CLIENT_NOTICE),
        PendingRow(2, BOT, ANNA, CARD),
        PendingRow(3, BOT, OTHER, CLIENT_NOTICE),
        PendingRow(4, BOT, BORIS, TO_OPERATOR),
    ]
    assert picked(*rows) == [2, 4, 1, 3]


def test_client_notice_yields_only_to_a_limited_number_of_rows() -> None:
    assert picked(PendingRow(1, BOT, CLIENT, CLIENT_NOTICE), PendingRow(2 + YIELD_TO, BOT, ANNA, CARD))[0] == 1


def copy(number: int, contact: int) -> PendingRow:
    return PendingRow(number, BOT, ANNA, TO_OPERATOR, contact)


def test_contacts_take_turns_in_an_operators_chat() -> None:
    flood = [copy(number, IVAN) for number in range(1, 7)]
    assert picked(*flood, copy(7, PETRA), copy(8, MARIA), copy(9, PETRA)) == [1, 7, 8, 2, 9, 3, 4, 5, 6]


def test_cards_and_answers_go_before_waiting_messages() -> None:
    flood = [copy(number, IVAN) for number in range(1, 5)]
    rows = [*flood, PendingRow(5, BOT, ANNA, ANSWER), PendingRow(6, BOT, ANNA, CARD, PETRA), copy(7, PETRA)]
    assert picked(*rows, PendingRow(8, BOT, ANNA, MENU)) == [5, 6, 1, 7, 2, 3, 4, 8]


def test_card_goes_before_the_messages_of_its_contact() -> None:
    assert picked(PendingRow(1, BOT, ANNA, CARD, IVAN), copy(2, IVAN), copy(3, IVAN)) == [1, 2, 3]


def test_clients_chat_keeps_its_order() -> None:
    rows = [
        PendingRow(1, BOT, CLIENT, TO_CLIENT, IVAN),
        PendingRow(2, BOT, CLIENT, CLIENT_NOTICE, IVAN),
        PendingRow(3, BOT, CLIENT, TO_CLIENT, PETRA),
        PendingRow(4, BOT, CLIENT, ANSWER),
    ]
    assert picked(*rows) == [1, 2, 3, 4]


class Queued:
    """Queues of a bot without limits, and their clock."""

    def __init__(self, *rows: PendingRow) -> None:
        self.clock = FrozenClock()
        self.queues = ChatQueues(RateLimiter(self.clock, limited=False), self.clock)
        self.queues.add(rows)

    def pick(self) -> list[int]:
        """The numbers of the rows that are picked now; they stay under way."""
        return [row.id for row in self.queues.pick()[0]]

    def fails(self, row: PendingRow, *, for_seconds: float = 10, waits_for_telegram: bool = False) -> None:
        """A row under way is to be tried again."""
        due = self.clock() + timedelta(seconds=for_seconds)
        self.queues.put_off(replace(row, not_before=due, waits_for_telegram=waits_for_telegram))


def test_row_that_is_put_off_delays_only_what_must_follow_it() -> None:
    edit, message, of_other = PendingRow(1, BOT, ANNA, CARD_EDIT, IVAN), copy(2, IVAN), copy(4, PETRA)
    one = Queued(edit, message, copy(3, IVAN), of_other)
    assert one.pick() == [1]
    one.fails(edit)
    assert one.pick() == [2]
    one.fails(message)
    assert one.pick() == [4]  # of the same contact nothing overtakes it
    one.queues.drop(4, ANNA)
    assert one.pick() == []
    assert one.queues.pick()[1] == 10
    one.clock.forward(10)
    assert one.pick() == [1]
    one.queues.drop(1, ANNA)
    assert one.pick() == [2]
    one.queues.drop(2, ANNA)
    assert one.pick() == [3]


def test_rows_that_wait_for_telegram_are_held_and_then_due_at_once_in_order() -> None:
    rows = [PendingRow(1, BOT, ANNA, CARD, IVAN), PendingRow(2, BOT, BORIS, CARD, PETRA)]
    one = Queued(*rows)
    assert one.pick() == [1, 2]
    one.queues.set_outage(True)
    for row, pause in zip(reversed(rows), (300, 3), strict=True):  # the end of a pause frees none, nor is it waited for
        one.fails(row, for_seconds=pause, waits_for_telegram=True)
    one.clock.forward(60)
    assert one.pick() == []
    one.queues.set_outage(False)
    assert one.pick() == [1, 2]


def test_trial_prefers_what_does_no_harm_and_what_was_tried_least() -> None:
    notice, card = PendingRow(1, BOT, CLIENT, CLIENT_NOTICE), PendingRow(2, BOT, ANNA, CARD, IVAN)
    edit = PendingRow(3, BOT, BORIS, COPY_EDIT, PETRA)
    one = Queued(notice, card, edit)
    one.queues.set_outage(True)
    assert one.queues.pick_trial({}) == ([edit], None)
    one.fails(edit, for_seconds=4, waits_for_telegram=True)
    assert one.queues.pick_trial({3: 1}) == ([card], None)
    one.fails(card, for_seconds=4, waits_for_telegram=True)
    assert one.queues.pick_trial({3: 1, 2: 1}) == ([notice], None)
    one.queues.drop(1, CLIENT)
    assert one.queues.pick_trial({3: 1, 2: 1}) == ([], 4)
    one.clock.forward(4)
    [trial], _ = one.queues.pick_trial({3: 1, 2: 1})
    assert trial.id == 3


def test_queues_are_idle_when_the_last_row_is_dropped() -> None:
    one = Queued(copy(1, IVAN), copy(2, IVAN))
    assert one.pick() == [1]
    one.queues.drop(1, ANNA)
    assert not one.queues.idle.is_set()
    assert one.pick() == [2]
    one.queues.drop(2, ANNA)
    assert one.queues.idle.is_set()


# --- albums -----------------------------------------------------------------------------------------------------------


def part(number: int, *, album: str = "7", held: float | None = None, contact: int = IVAN) -> PendingRow:
    """A part of an album; `held` for so many seconds from the beginning on."""
    due = None if held is None else FrozenClock()() + timedelta(seconds=held)
    return PendingRow(number, BOT, ANNA, TO_OPERATOR, contact, due, album=album, is_held=held is not None)


def test_parts_of_an_album_are_picked_together_and_others_take_turns() -> None:
    one = Queued(part(1), copy(2, PETRA), part(3), part(4), part(5, album="8"), copy(6, IVAN))
    assert one.pick() == [1, 3, 4]
    assert one.pick() == []  # the chat is busy
    for number in (1, 3):
        one.queues.drop(number, ANNA)
        assert one.pick() == []
    one.queues.drop(4, ANNA)
    assert one.pick() == [2]
    one.queues.drop(2, ANNA)
    assert one.pick() == [5]
    one.queues.drop(5, ANNA)
    assert one.pick() == [6]


def test_album_waits_until_no_part_has_come_for_a_second() -> None:
    one = Queued(part(1, held=1))
    one.clock.forward(0.9)
    assert one.pick() == []
    one.queues.add([part(2, held=1.9)])
    one.clock.forward(0.9)
    assert one.pick() == []
    one.clock.forward(0.1)
    assert one.pick() == [1, 2]


def test_album_waits_for_three_seconds_at_most() -> None:
    one = Queued(*(part(number, held=number * 0.9) for number in range(1, 5)))
    one.clock.forward(2.8)
    assert one.pick() == []
    one.clock.forward(0.2)
    assert one.pick() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "last",
    [part(2), part(2, album="8", held=9), copy(2, IVAN), *([part(number, held=9) for number in range(2, 11)],)],
    ids=["marked", "another album", "another message", "ten parts"],
)
def test_album_that_is_complete_waits_for_nothing(last: PendingRow | list[PendingRow]) -> None:
    one = Queued(part(1, held=1))
    assert one.pick() == []
    one.queues.add(last if isinstance(last, list) else [last])
    assert one.pick()[0] == 1


def test_album_delays_no_other_request_while_it_waits() -> None:
    one = Queued(part(1, held=1), copy(2, PETRA))
    assert one.pick() == [2]


def test_clock_set_back_does_not_hold_an_album_for_long() -> None:
    one = Queued(part(1, held=1), part(2, held=1))
    one.clock.forward(-3600)
    one.queues.reschedule()
    assert one.pick() == []
    one.clock.forward(3)
    assert one.pick() == [1, 2]


def test_album_that_failed_is_retried_together_after_its_pause() -> None:
    one = Queued(part(1), part(2))
    assert one.pick() == [1, 2]
    for row in (part(1), part(2)):
        one.fails(row)
    assert one.pick() == []
    one.clock.forward(10)
    assert one.pick() == [1, 2]


def test_album_tries_the_way_to_telegram_as_a_whole() -> None:
    one = Queued(part(1), part(2))
    assert one.queues.pick_trial({}) == ([part(1), part(2)], None)


def test_part_that_waits_for_others_is_not_reserved() -> None:
    one = Queued()
    held = replace(part(1), is_held=True)
    assert [row.id for row in one.queues.reserve([held, PendingRow(2, BOT, BORIS, CARD, PETRA)])] == [2]


def test_complete_album_is_reserved_whole_and_keeps_its_chat_until_settled() -> None:
    one = Queued()
    chosen = one.queues.reserve([part(1), PendingRow(2, BOT, BORIS, CARD, PETRA), part(3)])
    assert [row.id for row in chosen] == [1, 3, 2]
    for row in (part(1), part(3)):
        assert not one.queues.is_free(row.chat_id)
        one.queues.drop(row.id, row.chat_id)
    assert one.queues.is_free(part(1).chat_id)


def test_album_behind_its_card_is_left_for_later() -> None:
    one = Queued()
    card = PendingRow(1, BOT, part(2).chat_id, CARD, part(2).contact_id)
    assert [row.id for row in one.queues.reserve([card, part(2), part(3)])] == [1]
