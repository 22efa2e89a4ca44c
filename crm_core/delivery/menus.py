"""The lists of commands that Telegram shows, as digests: setting one that has not changed would only cost a request.

Telegram answers `setMyCommands` with long flood waits after a few restarts.
"""

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared, prepared_upsert
from crm_core.storage.tables import ShownMenu

Key = tuple[int, str]
"""The chat whose menu it is (0: of all who have none of their own), and its language (empty: of all others)."""

_table = ShownMenu.__table__


def shown(s: Session, *, bot_id: int) -> dict[Key, str]:
    """The digest of each menu that a bot has set."""
    return {(row.chat_id, row.language): row.digest for row in execute(s, _SHOWN, {"of_bot": bot_id})}


_SHOWN = Prepared(
    select(_table.c.chat_id, _table.c.language, _table.c.digest).where(_table.c.bot_id == bindparam("of_bot"))
)


_NOTE = prepared_upsert(
    _table,
    lambda insert: insert.on_conflict_do_update(
        index_elements=["bot_id", "chat_id", "language"], set_={"digest": insert.excluded.digest}
    ),
)


def note(s: Session, *, bot_id: int, key: Key, digest: str) -> None:
    """Stores that Telegram shows a menu now."""
    chat_id, language = key
    execute(s, _NOTE, {"bot_id": bot_id, "chat_id": chat_id, "language": language, "digest": digest})
