"""Which of many chats is next."""

from bot.delivery.chat_queues import GIVES_WAY, Lanes
from bot.delivery.rate_limit import Pace
from crm_core.messaging.outbox import CARD, CLIENT_NOTICE, TO_OPERATOR, Queued
from tests.support.telegram_kit import StillClock

BOT, CLIENT, OTHER, ANNA, BORIS = 1, 5, 6, 7, 8


def picked(*rows: Queued) -> list[int]:
    """The numbers of rows in the order in which they are sent, one request after the other."""
    still = StillClock()
    lanes, order = Lanes(Pace(still), still), list[int]()
    lanes.add(rows)
    while len(order) < len(rows):
        found, _ = lanes.pick(promised=0)
        for row in found:
            order.append(row.id)
            still.forward(lanes.pace.book(row.chat_id))
            lanes.drop(row.id, row.chat_id)
        still.forward(1)
    return order


def test_oldest_row_is_sent_first() -> None:
    assert picked(Queued(3, BOT, ANNA, CARD), Queued(2, BOT, BORIS, CARD)) == [2, 3]


def test_client_notices_are_sent_after_cards_and_messages() -> None:
    rows = [
        Queued(1, BOT, CLIENT, CLIENT_NOTICE), Queued(2, BOT, ANNA, CARD), Queued(3, BOT, OTHER, CLIENT_NOTICE),
        Queued(4, BOT, BORIS, TO_OPERATOR),
    ]  # fmt: skip
    assert picked(*rows) == [2, 4, 1, 3]


def test_client_notice_yields_only_to_a_limited_number_of_rows() -> None:
    assert picked(Queued(1, BOT, CLIENT, CLIENT_NOTICE), Queued(2 + GIVES_WAY, BOT, ANNA, CARD))[0] == 1
