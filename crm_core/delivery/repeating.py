"""Which attempts are repeated when nobody knows whether they were applied."""

from crm_core.messaging import outbox

# For whoever holds the contact, and nobody else.
OF_HOLDER = (outbox.CARD, outbox.TALK, outbox.TO_OPERATOR, outbox.MORE)
# Messages between people, and cards: resent until delivery is confirmed (at least once). A duplicate is harmless, since
# buttons carry contact and version.
AT_LEAST_ONCE = frozenset({*OF_HOLDER, outbox.TO_CLIENT, outbox.ANSWER, outbox.STAFF_NOTICE, outbox.FORUM})
# Repeating these changes nothing ("message is not modified" counts as success), but for an overview: one that was sent
# twice leaves one message too many, without a sound.
REPEATABLE = frozenset(
    {
        outbox.CARD_EDIT,
        outbox.COPY_EDIT,
        outbox.NOTICE_EDIT,
        outbox.SCREEN,
        outbox.MENU,
        outbox.DELETE,
        outbox.OVERVIEW,
        outbox.MY,
        outbox.PIN,
        outbox.REACTION,
    }
)
# The rest (greetings and similar notices) is sent at most once.

FAILURES_AT_MOST = 5


def after_unknown(kind: str, failures: int) -> str:
    """The state of a row after an attempt of which nobody knows whether it was applied.

    Args:
        failures: how many attempts of the row ended like that while others were sent, including this one. Those that
            failed with all others, or with the process, are not the row's fault, and are never too many.

    Returns `pending` (send again) or `uncertain` (stop, and say so).
    """
    is_sent_again = kind in REPEATABLE or kind in AT_LEAST_ONCE
    return "pending" if is_sent_again and failures < FAILURES_AT_MOST else "uncertain"
