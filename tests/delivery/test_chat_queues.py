"""Which of many chats is next."""

from bot.delivery.chat_queues import YIELD_TO, ChatQueues
from bot.delivery.rate_limit import RateLimiter
from crm_core.messaging.outbox import CARD, CLIENT_NOTICE, TO_OPERATOR, PendingRow
from tests.support.telegram_kit import FrozenClock

BOT, CLIENT, OTHER, ANNA, BORIS = 1, 5, 6, 7, 8


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
