"""I46: what is written in a topic of a forum is stored, and so sent, only if its writer has that request."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.history import History

_WRITTEN = re.compile(r"forum \d+ by (\d+) in #(\d+)")
_IN_FORUMS = """
    SELECT id, text, contact_id, operator_id FROM messages WHERE id > ? AND chat_id < 0 ORDER BY id"""


def misdirected(history: "History", after: int, had: set[tuple[int, int | None]]) -> tuple[int, str | None]:
    """The newest words from forums that are stored, and what is wrong with any of them; None for nothing.

    Args:
        after: up to these, they have been looked at.
        had: contacts and who has had them since: one commit may hold both, words and that somebody else gets it.
    """
    for message, text, contact_id, operator_id in history.ask(_IN_FORUMS, after):
        written = _WRITTEN.match(text or "")
        is_right = written is None or (int(written[1]), int(written[2])) == (operator_id, contact_id)
        if (contact_id, operator_id) not in had or not is_right:
            return message, f"{text!r} of {operator_id} to #{contact_id}, which was not theirs"
        after = message
    return after, None
