"""I46: what is written in a topic of a forum is stored, and so sent, only if its writer has that request."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.history import History

_WRITTEN = re.compile(r"forum \d+ by (\d+) in #(\d+)")
_IN_FORUMS = """
    SELECT m.id, m.text, m.contact_id, m.operator_id, c.operator_id
    FROM messages m JOIN contacts c ON c.id = m.contact_id WHERE m.id > ? AND m.chat_id < 0 ORDER BY m.id"""


def misdirected(history: "History", after: int) -> tuple[int, str | None]:
    """The newest words from forums that are stored, and what is wrong with any of them; None for nothing.

    Args:
        after: up to these, they have been looked at.
    """
    for message, text, contact_id, operator_id, holder_id in history.ask(_IN_FORUMS, after):
        written = _WRITTEN.match(text or "")
        is_right = written is None or (int(written[1]), int(written[2])) == (operator_id, contact_id)
        if operator_id != holder_id or not is_right:
            return message, f"{text!r} to #{contact_id}, which {holder_id} has"
        after = message
    return after, None
